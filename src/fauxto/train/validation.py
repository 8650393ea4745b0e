"""What the network says of images that do not train it; each counts once, over all processes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fauxto.core.records import Preprocess
from fauxto.loading.epochs import LabelledBatch, LabelledImages, iterate_plain
from fauxto.train.devices import shard_of


@dataclass(frozen=True)
class FitData:
    """What is trained on and what decides when to stop.

    Attributes:
        train: images that change the weights.
        val: images that do not.
        preprocess: of the network.
        workers: threads that decode.
    """

    train: LabelledImages
    val: LabelledImages
    preprocess: Preprocess
    workers: int


def validate(
    module: nn.Module, data: FitData, batch_size: int, fabric: Fabric
) -> tuple[float, float]:
    """Return mean cross entropy and accuracy over the validation images.

    Args:
        module: the network itself, not as Fabric wraps it.
        data: its validation images are scored, each process its share of them.
        batch_size: images over all processes in one pass.
        fabric: of the processes.
    """
    module.eval()
    loss_sum, right = 0.0, 0
    batches = iterate_plain(
        data.val, data.preprocess,
        batch_size=batch_size, workers=data.workers, shard=shard_of(fabric),
    )  # fmt: skip
    with torch.inference_mode():
        for batch in batches:
            inputs, labels = to_device(batch, fabric)
            logits = module(inputs)
            loss_sum += cross_entropy(logits, labels, reduction="sum").item()
            right += int((logits.argmax(dim=1) == labels).sum())
    loss_sum, right = sum_over_processes(fabric, loss_sum, right)
    return loss_sum / len(data.val.images), right / len(data.val.images)


def score_validation(
    module: nn.Module, data: FitData, batch_size: int, fabric: Fabric
) -> Float32[np.ndarray, "n 2"]:
    """Return the logits of all validation images in their order, in every process."""
    module.eval()
    batches = iterate_plain(
        data.val, data.preprocess,
        batch_size=batch_size, workers=data.workers, shard=shard_of(fabric),
    )  # fmt: skip
    with torch.inference_mode():
        parts = {
            image.path: row
            for batch in batches
            for image, row in zip(
                batch.images,
                module(to_device(batch, fabric)[0]).float().cpu().numpy(),
                strict=True,
            )
        }
    if fabric.world_size > 1:
        gathered: list[Any] = [None] * fabric.world_size
        torch.distributed.all_gather_object(gathered, parts)
        parts = {path: row for part in gathered for path, row in part.items()}
    return np.stack([parts[image.path] for image in data.val.images])


def to_device(batch: LabelledBatch, fabric: Fabric) -> tuple[Tensor, Tensor]:
    """Return inputs, channels last in memory, and labels on the process's device."""
    inputs = fabric.to_device(torch.from_numpy(batch.inputs))
    labels = fabric.to_device(torch.from_numpy(batch.labels))
    return inputs.contiguous(memory_format=torch.channels_last), labels


def sum_over_processes(fabric: Fabric, loss: float, right: int) -> tuple[float, int]:
    """Return a sum of losses and a count over all processes, in every process."""
    if fabric.world_size == 1:
        return loss, right
    sums = torch.tensor([loss, right], dtype=torch.float64, device=fabric.device)
    torch.distributed.all_reduce(sums)
    return float(sums[0]), int(sums[1])
