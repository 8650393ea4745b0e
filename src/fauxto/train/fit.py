"""The loop: the only place where an optimiser steps."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from fauxto.core.errors import FauxtoError
from fauxto.core.progress import Progress
from fauxto.core.recipe import Recipe
from fauxto.data.stored import StoredImage
from fauxto.loading.epochs import batch_sizes, iterate_training
from fauxto.models.build import layer_depths
from fauxto.models.specs import ModelSpec
from fauxto.train.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from fauxto.train.devices import shard_of
from fauxto.train.history import EpochResult, find_best, should_stop
from fauxto.train.objective import FromLabels, Objective
from fauxto.train.optim import MovingAverage, lr_factor, make_optimizer, set_lr, set_training
from fauxto.train.validation import FitData, sum_over_processes, to_device, validate

_SHOWN_PATHS: Final = 5


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


def fit(  # noqa: PLR0913 - a training and all that watches it
    module: nn.Module,
    spec: ModelSpec,
    data: FitData,
    recipe: Recipe,
    fabric: Fabric,
    *,
    folder: Path,
    on_epoch: Callable[[list[EpochResult]], None],
    progress: Progress,
    objective: Objective | None = None,
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
        objective: what is lowered; default the recipe's cross entropy with the labels.

    Raises:
        FauxtoError: the loss is not a number, or memory ran out; says what to do.
    """
    settings = recipe.train
    objective = objective or FromLabels(data.train, settings, fabric)
    compiled = torch.compile(module) if settings.compile else module
    depths = {} if settings.layer_decay == 1 else layer_depths(module, spec)
    forward, optimizer = fabric.setup(compiled, make_optimizer(module, settings, depths))
    average = MovingAverage(module, settings.ema_decay) if settings.ema_decay else None
    training = _Training(module, forward, optimizer, average)
    history: list[EpochResult] = []
    best_state: dict[str, Tensor] = {}
    spent = 0.0
    saved = fabric.broadcast(load_checkpoint(folder) if fabric.is_global_zero else None)
    if saved is not None:
        _restore(training, saved)
        history, best_state, spent = saved.history, saved.best_state, saved.seconds
        on_epoch(history)
    started = time.monotonic() - spent
    while not should_stop(history, patience=settings.patience, max_epochs=settings.max_epochs):
        epoch = len(history) + 1
        torch.manual_seed(_epoch_seed(settings.seed, epoch, fabric.global_rank))  # for dropout
        set_training(module, spec.classifiers, frozen=epoch <= settings.freeze_epochs)
        try:
            trained = _train_epoch(training, objective, data, recipe, fabric, epoch, progress)
            validated = validate(training.validated, data, settings.batch_size, fabric)
        except torch.OutOfMemoryError as error:
            raise FauxtoError(_explain_memory(recipe)) from error
        lr = optimizer.param_groups[-1]["lr"]
        history.append(EpochResult(epoch, lr, *trained, *validated))
        if find_best(history).epoch == epoch:
            best_state = _copy(training.validated)
        if fabric.is_global_zero:
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


def _epoch_seed(seed: int, epoch: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, rank)).generate_state(1)[0])


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
    objective: Objective,
    data: FitData,
    recipe: Recipe,
    fabric: Fabric,
    epoch: int,
    progress: Progress,
) -> tuple[float, float]:
    """Step through the training images once; return mean loss and accuracy over them."""
    settings = recipe.train
    total = len(data.train.images)
    sizes = batch_sizes(total, settings.batch_size)
    steps_per_epoch = math.ceil(len(sizes) / settings.accumulate)
    batches = iterate_training(
        data.train, data.preprocess, recipe.augment,
        batch_size=settings.batch_size, seed=settings.seed, epoch=epoch, workers=data.workers,
        shard=shard_of(fabric),
    )  # fmt: skip
    loss_sum, right, own, done = 0.0, 0, 0, 0
    started = time.monotonic()
    for number, batch in enumerate(batches):
        first = number - number % settings.accumulate
        of_step = sum(sizes[first : first + settings.accumulate])  # images in this step
        stepping = number + 1 == min(first + settings.accumulate, len(sizes))
        inputs, labels = to_device(batch, fabric)
        inputs = objective.prepare(inputs)
        with fabric.no_backward_sync(training.forward, enabled=not stepping):
            logits = training.forward(inputs)
            loss = objective.loss(logits.float(), inputs, labels, batch)
            value = loss.item()
            if not math.isfinite(value):
                raise FauxtoError(_explain_loss(value, batch.images, epoch))
            # Fabric's gradients are the mean over processes, ours the sum.
            fabric.backward(loss * (sizes[number] / of_step * fabric.world_size))
        if stepping:
            _step(training, fabric, recipe, steps_per_epoch)
        done += sizes[number]
        loss_sum += value * sizes[number]
        right += batch.counts * int((logits.argmax(dim=1) == labels).sum())
        own += batch.counts * len(batch.images)  # what this process can tell of on the way
        speed = done / (time.monotonic() - started)
        progress(
            f"epoch {epoch}/{settings.max_epochs}", done, total,
            f"loss {loss_sum / max(1, own):.3f}, accuracy {right / max(1, own):.1%}, "
            f"{speed:.0f} images/s",
        )  # fmt: skip
    loss_sum, right = sum_over_processes(fabric, loss_sum, right)
    return loss_sum / total, right / total


def _step(training: _Training, fabric: Fabric, recipe: Recipe, steps_per_epoch: int) -> None:
    settings = recipe.train
    if settings.clip_norm is not None:
        fabric.clip_gradients(training.forward, training.optimizer, max_norm=settings.clip_norm)
    set_lr(training.optimizer, lr_factor(training.steps, steps_per_epoch, settings))
    training.optimizer.step()
    training.optimizer.zero_grad()
    if training.average is not None:
        training.average.update(training.module, training.steps)
    training.steps += 1


def _explain_loss(value: float, images: Sequence[StoredImage], epoch: int) -> str:
    shown = ", ".join(image.place for image in images[:_SHOWN_PATHS])
    more = ", …" if len(images) > _SHOWN_PATHS else ""
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
