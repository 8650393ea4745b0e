"""Tests of belief for one method on one network: deletion, insertion, and destroyed weights."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from fauxto.explain.faithfulness import (
    Curves,
    Faithfulness,
    centre_prior,
    random_map,
    summarise_curves,
    trace_curves,
)
from fauxto.explain.hooks import borrowed
from fauxto.explain.maps import rank_agreement
from fauxto.explain.methods import METHODS, explain_sides
from fauxto.explain.sanity import destroy_weights
from fauxto.explain.subject import Subject
from fauxto.explain.target import Target, log_odds

SANITY_IMAGES: Final = 8
"""Images on which maps of the network and of its ruins are compared."""

SAME_MAP: Final = 0.5
"""Rank agreement with a fully destroyed network from which a method is called insensitive."""


@dataclass(frozen=True)
class SanityStep:
    """How alike maps stay when part of the weights is destroyed."""

    share: float
    """Share of the weight tensors destroyed, from the output backwards."""
    agreement: float
    """Mean rank agreement with the trained network's maps, in [−1, 1]."""


@dataclass(frozen=True)
class Trust:
    """Both tests of one method on one network."""

    method: str
    faithfulness: Faithfulness
    sanity: tuple[SanityStep, ...]

    @property
    def depends_on_weights(self) -> bool:
        """Return whether the map changes when everything learned is destroyed."""
        return self.sanity[-1].agreement < SAME_MAP


def try_methods(
    subject: Subject, inputs: Float32[np.ndarray, "n 3 h w"], target: Target, seed: int
) -> list[Trust]:
    """Return the tests of every method of a network on some images.

    Args:
        subject: the network; it is left as it came.
        inputs: at least one normalised image.
        target: whose evidence is shown.
        seed: of random maps, destroyed weights and the bootstrap.
    """
    directions = subject.directions(subject.odds(inputs), target)
    known = _trace_known(subject, inputs, directions, seed)
    few = slice(0, SANITY_IMAGES)
    trusts = []
    for method in subject.methods:
        maps = _explain(subject, subject.module, inputs, method, directions)
        curves = [
            {"map": _trace(subject, image, heat, direction), **others}
            for image, heat, direction, others in zip(inputs, maps, directions, known, strict=True)
        ]
        steps = []
        for share, ruin in destroy_weights(subject.module, seed):
            if METHODS[method].slow and share < 1:
                continue
            ruined = _explain(subject, ruin, inputs[few], method, directions[few])
            pairs = zip(maps[few], ruined, strict=True)
            agreement = float(np.mean([rank_agreement(one, other) for one, other in pairs]))
            steps.append(SanityStep(share, agreement))
        trusts.append(Trust(method, summarise_curves(curves, seed), tuple(steps)))
    return trusts


def _trace_known(
    subject: Subject,
    inputs: Float32[np.ndarray, "n 3 h w"],
    directions: Float[np.ndarray, " n"],
    seed: int,
) -> list[dict[str, Curves]]:
    """Trace the maps that know nothing of the network."""
    rng = np.random.default_rng(seed)
    height, width = inputs.shape[-2:]
    return [
        {
            "random": _trace(subject, image, random_map(height, width, rng), direction),
            "centre": _trace(subject, image, centre_prior(height, width), direction),
        }
        for image, direction in zip(inputs, directions, strict=True)
    ]


def _trace(
    subject: Subject,
    image: Float32[np.ndarray, "3 h w"],
    heat: Float[np.ndarray, "h w"],
    direction: float,
) -> Curves:
    def score(images: Tensor) -> Tensor:
        with borrowed(subject.module), torch.no_grad():
            odds = log_odds(subject.module, images)
        return torch.sigmoid(direction * odds / subject.card.temperature)

    return trace_curves(score, subject.place(image[None])[0], heat)


def _explain(
    subject: Subject,
    module: torch.nn.Module,
    inputs: Float32[np.ndarray, "n 3 h w"],
    method: str,
    directions: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n h w"]:
    parts = [
        explain_sides(
            module,
            subject.place(inputs[start : start + SANITY_IMAGES]),
            subject.layout,
            method,
            directions[start : start + SANITY_IMAGES],
        )
        for start in range(0, len(inputs), SANITY_IMAGES)
    ]
    return np.concatenate(parts)
