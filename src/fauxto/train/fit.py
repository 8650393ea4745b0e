"""The loop: the only place where an optimiser steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fauxto.core.errors import FauxtoError
from fauxto.core.progress import Progress
from fauxto.core.recipe import Optimizer, Recipe
from fauxto.core.records import Preprocess
from fauxto.loading.epochs import LabelledImages, iterate_plain, iterate_training
from fauxto.train.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from fauxto.train.history import EpochResult, find_best, should_stop

_OPTIMIZERS: Final = {Optimizer.ADAM: torch.optim.Adam, Optimizer.ADAMW: torch.optim.AdamW}
_SHOWN_PATHS: Final = 5


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


@dataclass(frozen=True)
class FitResult:
    """A finished training.

    Attributes:
        state: state dict of the epoch with the lowest validation loss.
        history: all epochs.
        seconds: time spent, over all calls that it took.
    """

    state: dict[str, Tensor]
    history: list[EpochResult]
    seconds: float


def fit(
    module: nn.Module,
    data: FitData,
    recipe: Recipe,
    fabric: Fabric,
    *,
    folder: Path,
    on_epoch: Callable[[list[EpochResult]], None],
    progress: Progress,
) -> FitResult:
    """Train until validation loss stops falling; go on from a checkpoint if there is one.

    Args:
        module: the network, with the weights it starts from.
        data: training and validation images.
        recipe: optimiser, rates and patience.
        fabric: where the network computes.
        folder: for checkpoints.
        on_epoch: called after each epoch with all of them.
        progress: told after each batch.

    Raises:
        FauxtoError: the loss is not a number, or memory ran out; says what to do.
    """
    settings = recipe.train
    optimizer = _OPTIMIZERS[settings.optimizer](
        module.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    wrapped, optimizer = fabric.setup(module, optimizer)
    history: list[EpochResult] = []
    best_state: dict[str, Tensor] = {}
    spent = 0.0
    saved = load_checkpoint(folder)
    if saved is not None:
        module.load_state_dict(saved.state)
        optimizer.load_state_dict(saved.optimizer)
        history, best_state, spent = saved.history, saved.best_state, saved.seconds
        on_epoch(history)
    started = time.monotonic() - spent
    while not should_stop(history, patience=settings.patience, max_epochs=settings.max_epochs):
        epoch = len(history) + 1
        torch.manual_seed(settings.seed * 1_000_003 + epoch)  # dropout, whatever came before
        train_loss, train_accuracy = _train_epoch(
            wrapped, optimizer, data, recipe, fabric, epoch, progress
        )
        val_loss, val_accuracy = _validate(wrapped, data, recipe, fabric)
        history.append(
            EpochResult(epoch, settings.lr, train_loss, train_accuracy, val_loss, val_accuracy)
        )
        state = _copy(module)
        if find_best(history).epoch == epoch:
            best_state = state
        seconds = time.monotonic() - started
        save_checkpoint(
            folder, Checkpoint(history, state, optimizer.state_dict(), best_state, seconds)
        )
        on_epoch(history)
    return FitResult(best_state, history, time.monotonic() - started)


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}


def _train_epoch(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: FitData,
    recipe: Recipe,
    fabric: Fabric,
    epoch: int,
    progress: Progress,
) -> tuple[float, float]:
    """Step through the training images once; return mean loss and accuracy over them."""
    module.train()
    settings = recipe.train
    stage = f"epoch {epoch}/{settings.max_epochs}"
    total = len(data.train.paths)
    loss_sum, right, done = 0.0, 0, 0
    started = time.monotonic()
    for batch in iterate_training(
        data.train,
        data.preprocess,
        recipe.augment,
        batch_size=settings.batch_size,
        seed=settings.seed,
        epoch=epoch,
        workers=data.workers,
    ):
        inputs = fabric.to_device(torch.from_numpy(batch.inputs))
        labels = fabric.to_device(torch.from_numpy(batch.labels))
        optimizer.zero_grad()
        logits = module(inputs)
        loss = cross_entropy(logits, labels)
        value = loss.item()
        if value != value:  # NaN
            _stop_on_nan(batch.paths, epoch)
        fabric.backward(loss)
        optimizer.step()
        done += len(batch.paths)
        loss_sum += value * len(batch.paths)
        right += int((logits.argmax(dim=1) == labels).sum())
        speed = done / (time.monotonic() - started)
        progress(
            stage, done, total,
            f"loss {loss_sum / done:.3f}, accuracy {right / done:.1%}, {speed:.0f} images/s",
        )  # fmt: skip
    return loss_sum / total, right / total


def _validate(
    module: nn.Module, data: FitData, recipe: Recipe, fabric: Fabric
) -> tuple[float, float]:
    """Return mean loss and accuracy over the validation images."""
    module.eval()
    loss_sum, right = 0.0, 0
    with torch.inference_mode():
        for batch in iterate_plain(
            data.val, data.preprocess, batch_size=recipe.train.batch_size, workers=data.workers
        ):
            logits = module(fabric.to_device(torch.from_numpy(batch.inputs))).float()
            labels = fabric.to_device(torch.from_numpy(batch.labels))
            loss_sum += cross_entropy(logits, labels, reduction="sum").item()
            right += int((logits.argmax(dim=1) == labels).sum())
    return loss_sum / len(data.val.paths), right / len(data.val.paths)


def _stop_on_nan(paths: tuple[Path, ...], epoch: int) -> None:
    shown = ", ".join(str(path) for path in paths[:_SHOWN_PATHS])
    raise FauxtoError(
        f"the loss is not a number in epoch {epoch}: lower the learning rate "
        f"(--set train.lr=…) and look at the batch's pictures: {shown}"
        f"{', …' if len(paths) > _SHOWN_PATHS else ''}"
    )
