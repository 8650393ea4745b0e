"""The loop: the only place where an optimiser steps."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fauxto.core.errors import FauxtoError
from fauxto.core.progress import Progress
from fauxto.core.recipe import Recipe
from fauxto.core.records import Preprocess
from fauxto.loading.epochs import (
    LabelledBatch,
    LabelledImages,
    batch_sizes,
    iterate_plain,
    iterate_training,
)
from fauxto.models.build import layer_depths
from fauxto.models.specs import ModelSpec
from fauxto.train.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from fauxto.train.history import EpochResult, find_best, should_stop
from fauxto.train.optim import MovingAverage, lr_factor, make_optimizer, set_lr, set_training

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


@dataclass
class _Training:
    """What changes from step to step."""

    module: nn.Module
    forward: nn.Module  # the same network, as Fabric wraps it
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None
    steps: int = 0

    @property
    def validated(self) -> nn.Module:
        return self.module if self.average is None else self.average.module


def fit(
    module: nn.Module,
    spec: ModelSpec,
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
        spec: of the same network.
        data: training and validation images.
        recipe: optimiser, rates and patience.
        fabric: where and in which number format the network computes.
        folder: for checkpoints.
        on_epoch: called after each epoch with all of them.
        progress: told after each batch.

    Raises:
        FauxtoError: the loss is not a number, or memory ran out; says what to do.
    """
    settings = recipe.train
    forward, optimizer = fabric.setup(
        module, make_optimizer(module, settings, layer_depths(module, spec))
    )
    average = MovingAverage(module, settings.ema_decay) if settings.ema_decay else None
    training = _Training(module, forward, optimizer, average)
    history: list[EpochResult] = []
    best_state: dict[str, Tensor] = {}
    spent = 0.0
    saved = load_checkpoint(folder)
    if saved is not None:
        _restore(training, saved)
        history, best_state, spent = saved.history, saved.best_state, saved.seconds
        on_epoch(history)
    started = time.monotonic() - spent
    while not should_stop(history, patience=settings.patience, max_epochs=settings.max_epochs):
        epoch = len(history) + 1
        torch.manual_seed(_epoch_seed(settings.seed, epoch))  # for dropout
        set_training(module, spec.classifier, frozen=epoch <= settings.freeze_epochs)
        try:
            train_loss, train_accuracy = _train_epoch(
                training, data, recipe, fabric, epoch, progress
            )
            val_loss, val_accuracy = _validate(training.validated, data, recipe, fabric)
        except torch.OutOfMemoryError as error:
            raise FauxtoError(_explain_memory(recipe)) from error
        lr = optimizer.param_groups[-1]["lr"]
        history.append(EpochResult(epoch, lr, train_loss, train_accuracy, val_loss, val_accuracy))
        if find_best(history).epoch == epoch:
            best_state = _copy(training.validated)
        save_checkpoint(
            folder,
            Checkpoint(
                history=history,
                state=module.state_dict(),
                optimizer=optimizer.state_dict(),
                average={} if average is None else average.module.state_dict(),
                best_state=best_state,
                steps=training.steps,
                seconds=time.monotonic() - started,
            ),
        )
        on_epoch(history)
    return FitResult(best_state, history, time.monotonic() - started)


def _epoch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])


def _restore(training: _Training, saved: Checkpoint) -> None:
    training.module.load_state_dict(saved.state)
    training.optimizer.load_state_dict(saved.optimizer)
    training.steps = saved.steps
    if training.average is not None:
        training.average.module.load_state_dict(saved.average)


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}


def _train_epoch(
    training: _Training,
    data: FitData,
    recipe: Recipe,
    fabric: Fabric,
    epoch: int,
    progress: Progress,
) -> tuple[float, float]:
    """Step through the training images once; return mean loss and accuracy over them."""
    settings = recipe.train
    optimizer = training.optimizer
    total = len(data.train.paths)
    sizes = batch_sizes(total, settings.batch_size)
    steps_per_epoch = math.ceil(len(sizes) / settings.accumulate)
    weights = _label_weights(data.train) if settings.class_weights else None
    weights = None if weights is None else fabric.to_device(weights)
    batches = iterate_training(
        data.train,
        data.preprocess,
        recipe.augment,
        batch_size=settings.batch_size,
        seed=settings.seed,
        epoch=epoch,
        workers=data.workers,
    )
    loss_sum, right, done = 0.0, 0, 0
    started = time.monotonic()
    for number, batch in enumerate(batches):
        first = number - number % settings.accumulate
        of_step = sum(sizes[first : first + settings.accumulate])  # images in this step
        inputs, labels = _to_device(batch, fabric)
        logits = training.forward(inputs)
        loss = cross_entropy(
            logits.float(), labels, weight=weights, label_smoothing=settings.label_smoothing
        )
        value = loss.item()
        if not math.isfinite(value):
            raise FauxtoError(_explain_loss(value, batch.paths, epoch))
        fabric.backward(loss * (len(batch.paths) / of_step))
        if number + 1 == min(first + settings.accumulate, len(sizes)):
            if settings.clip_norm is not None:
                fabric.clip_gradients(training.forward, optimizer, max_norm=settings.clip_norm)
            set_lr(optimizer, lr_factor(training.steps, steps_per_epoch, settings))
            optimizer.step()
            optimizer.zero_grad()
            if training.average is not None:
                training.average.update(training.module, training.steps)
            training.steps += 1
        done += len(batch.paths)
        loss_sum += value * len(batch.paths)
        right += int((logits.argmax(dim=1) == labels).sum())
        speed = done / (time.monotonic() - started)
        progress(
            f"epoch {epoch}/{settings.max_epochs}", done, total,
            f"loss {loss_sum / done:.3f}, accuracy {right / done:.1%}, {speed:.0f} images/s",
        )  # fmt: skip
    return loss_sum / total, right / total


def _validate(
    module: nn.Module, data: FitData, recipe: Recipe, fabric: Fabric
) -> tuple[float, float]:
    """Return mean cross entropy and accuracy over the validation images."""
    module.eval()
    loss_sum, right = 0.0, 0
    batches = iterate_plain(
        data.val, data.preprocess, batch_size=recipe.train.batch_size, workers=data.workers
    )
    with torch.inference_mode():
        for batch in batches:
            inputs, labels = _to_device(batch, fabric)
            logits = module(inputs)
            loss_sum += cross_entropy(logits, labels, reduction="sum").item()
            right += int((logits.argmax(dim=1) == labels).sum())
    return loss_sum / len(data.val.paths), right / len(data.val.paths)


def _to_device(batch: LabelledBatch, fabric: Fabric) -> tuple[Tensor, Tensor]:
    inputs = fabric.to_device(torch.from_numpy(batch.inputs))
    labels = fabric.to_device(torch.from_numpy(batch.labels))
    return inputs.contiguous(memory_format=torch.channels_last), labels


def _label_weights(images: LabelledImages) -> Tensor:
    """Return for each label what makes both count the same, 1 on average over the images."""
    counts = np.bincount(images.labels, minlength=2)
    return torch.from_numpy((counts.sum() / (2 * counts)).astype(np.float32))


def _explain_loss(value: float, paths: tuple[Path, ...], epoch: int) -> str:
    shown = ", ".join(str(path) for path in paths[:_SHOWN_PATHS])
    more = ", …" if len(paths) > _SHOWN_PATHS else ""
    return (
        f"the loss became {value} in epoch {epoch}: lower the learning rate (--set train.lr=…), "
        f"or look at this batch's pictures: {shown}{more}"
    )


def _explain_memory(recipe: Recipe) -> str:
    size, accumulate = recipe.train.batch_size, recipe.train.accumulate
    if size == 1:
        return "the GPU's memory is too small for one image: use a smaller network or --device cpu"
    return (
        f"the GPU's memory is too small for {size} images at a time: try --set "
        f"train.batch_size={size // 2} --set train.accumulate={2 * accumulate}, which gives "
        "steps of the same size"
    )
