"""What a step lowers: the distance to the labels, or to what other networks say."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float32
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from fauxto.core.recipe import TrainRecipe
from fauxto.loading.epochs import LabelledBatch, LabelledImages


class Objective(Protocol):
    """A loss, and what is done to a batch before the network sees it."""

    def prepare(self, inputs: Tensor) -> Tensor:
        """Return the batch, n × 3 × height × width, as the network gets it."""

    def loss(self, logits: Tensor, inputs: Tensor, labels: Tensor, batch: LabelledBatch) -> Tensor:
        """Return this process's part of the batch's mean loss; all processes' parts add up to it.

        Args:
            logits: n × 2, by the network that learns.
            inputs: what it saw.
            labels: n; 0 real, 1 fake.
            batch: where both came from.
        """


class FromLabels:
    """Cross entropy with the labels.

    Args:
        images: all training images, whose labels are counted for ``class_weights``.
        settings: class weights and label smoothing.
        fabric: of the processes.
    """

    def __init__(self, images: LabelledImages, settings: TrainRecipe, fabric: Fabric) -> None:
        weights = label_weights(images) if settings.class_weights else np.ones(2, np.float32)
        self._weights = weights
        self._on_device = (
            fabric.to_device(torch.from_numpy(weights)) if settings.class_weights else None
        )
        self._smoothing = settings.label_smoothing

    def prepare(self, inputs: Tensor) -> Tensor:
        """Return the batch as it is."""
        return inputs

    def loss(
        self,
        logits: Tensor,
        inputs: Tensor,  # noqa: ARG002 - the labels say it all
        labels: Tensor,
        batch: LabelledBatch,
    ) -> Tensor:
        """Return the weighted mean of the images' cross entropies, smoothed as asked."""
        summed = cross_entropy(
            logits, labels,
            weight=self._on_device, label_smoothing=self._smoothing, reduction="sum",
        )  # fmt: skip
        return summed * (batch.counts / float(self._weights[batch.batch_labels].sum()))


class FromTeachers:
    """Divergence from the mean opinion of trained networks; the labels are not read.

    Args:
        teachers: networks on the right device; they are put into evaluation mode.
        mixup: probability that the pictures of a batch are blended in pairs, in a ratio drawn
            evenly from one to one to one alone. Teachers judge the same blends, which lie where
            there are no pictures to overfit.

    Source:
        Distillation, Hinton et al. 2015, equation 1 at temperature 1, with the geometric mean of
        the teachers' probabilities as target; the same changed picture for teacher and student,
        and blends, as in Beyer et al. 2022, "a good teacher is patient and consistent". Blends
        from Zhang et al. 2018, mixup, equation 1 with alpha 1.
    """

    def __init__(self, teachers: Sequence[nn.Module], mixup: float) -> None:
        self._teachers = [teacher.eval() for teacher in teachers]
        self._mixup = mixup

    def prepare(self, inputs: Tensor) -> Tensor:
        """Return the batch, blended or as it is; drawn from torch's own generator."""
        if torch.rand(()) >= self._mixup:
            return inputs
        share = 0.5 + 0.5 * torch.rand(()).item()
        return inputs.lerp(inputs[torch.randperm(len(inputs))], 1 - share)

    def loss(
        self,
        logits: Tensor,
        inputs: Tensor,
        labels: Tensor,  # noqa: ARG002 - teachers are asked instead
        batch: LabelledBatch,
    ) -> Tensor:
        """Return the mean Kullback-Leibler divergence from the teachers to the network."""
        with torch.no_grad():
            opinion = torch.stack([teacher(inputs) for teacher in self._teachers]).mean(dim=0)
        summed = kl_div(
            log_softmax(logits, dim=1),
            log_softmax(opinion.float(), dim=1),
            reduction="sum",
            log_target=True,
        )
        return summed * (batch.counts / len(batch.batch_labels))


def label_weights(images: LabelledImages) -> Float32[np.ndarray, "2"]:
    """Return for each label what makes both count the same, 1 on average over the images."""
    counts = np.bincount(images.labels, minlength=2)
    return (counts.sum() / (2 * counts)).astype(np.float32)
