"""Optimiser, learning rates, frozen layers and the moving average: what a step does beside loss.

Every rate follows from the recipe and the number of the step, so that nothing but the optimiser's
own state has to be kept for a resumed run.
"""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Final

import torch
from torch import nn

from fauxto.core.recipe import Optimizer, Schedule, TrainRecipe

_OPTIMIZERS: Final = {Optimizer.ADAM: torch.optim.Adam, Optimizer.ADAMW: torch.optim.AdamW}


def make_optimizer(
    module: nn.Module, recipe: TrainRecipe, depths: dict[str, int]
) -> torch.optim.Optimizer:
    """Return the recipe's optimiser, with one group of weights for each depth.

    Args:
        module: the network.
        recipe: optimiser, rate, weight decay and layer decay.
        depths: number of the layer of each weight, from 0 at the input; the largest number gets
            ``recipe.lr``, each layer below it ``recipe.layer_decay`` times the one above. Not
            read where that is 1.

    Returns:
        An optimiser whose groups carry ``base_lr``.
    """
    if recipe.layer_decay == 1:
        depths = {name: 0 for name, _ in module.named_parameters()}
    deepest = max(depths.values())
    groups: dict[int, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        groups.setdefault(depths[name], []).append(parameter)
    return _OPTIMIZERS[recipe.optimizer](
        [
            {
                "params": groups[depth],
                "lr": (lr := recipe.lr * recipe.layer_decay ** (deepest - depth)),
                "base_lr": lr,
            }
            for depth in sorted(groups)
        ],
        weight_decay=recipe.weight_decay,
    )


def lr_factor(step: int, steps_per_epoch: int, recipe: TrainRecipe) -> float:
    """Return what the learning rate is multiplied with in a step.

    Args:
        step: number of the optimiser step, from 0.
        steps_per_epoch: optimiser steps in one epoch.
        recipe: warm-up, schedule and number of epochs.

    Returns:
        A factor in (0, 1].
    """
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if recipe.schedule is Schedule.CONSTANT:
        return 1.0
    total = recipe.max_epochs * steps_per_epoch
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to ``factor`` times its ``base_lr``."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


def set_training(module: nn.Module, classifiers: Sequence[str], *, frozen: bool) -> None:
    """Put a network into training mode.

    Args:
        module: the network.
        classifiers: dotted path of its last layer, or of each of several.
        frozen: leave everything but the last layer as it is, running statistics too.
    """
    module.train(not frozen)
    module.requires_grad_(not frozen)
    for path in classifiers:
        head = module.get_submodule(path)
        head.train()
        head.requires_grad_()


class MovingAverage:
    """A copy of a network whose weights follow the network's slowly.

    Attributes:
        module: the copy, in evaluation mode.

    Source:
        Polyak and Juditsky 1992; the decay grows as ``(1 + step) / (10 + step)`` up to its
        value, as in TensorFlow's ``ExponentialMovingAverage``, so that random first weights do
        not linger.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = deepcopy(module).eval()
        self._decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the copy towards the network after an optimiser step.

        Args:
            module: the network.
            step: number of the step, from 0.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        state = module.state_dict()
        for name, average in self.module.state_dict().items():
            if average.is_floating_point():
                average.lerp_(state[name].to(average.dtype), 1 - decay)
            else:
                average.copy_(state[name])
