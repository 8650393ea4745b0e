"""Tests of belief for one method on one network: deletion, insertion, and maps without learning."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32
from scipy.special import expit

from fauxto.explain.catalogue import METHODS
from fauxto.explain.faithfulness import (
    Curves,
    Estimate,
    Faithfulness,
    centre_prior,
    estimate_mean,
    random_map,
    summarise_curves,
    trace_curves,
)
from fauxto.explain.heat import rank_agreement
from fauxto.explain.subject import Subject, choose_sides
from fauxto.explain.target import Target

SANITY_IMAGES: Final = 8
"""Images on which maps of the network and of its ruins are compared."""

SAME_MAP: Final = 0.5
"""Rank agreement with a network that learned nothing true from which maps count as the same."""

_BATCH: Final = 16


@dataclass(frozen=True)
class SanityStep:
    """How alike maps stay when part of the weights is destroyed."""

    share: float
    """Share of the layers destroyed, from the output backwards."""
    agreement: float
    """Mean rank agreement with the trained network's maps, in [−1, 1]."""


@dataclass(frozen=True)
class Trust:
    """The tests of one method on one network."""

    method: str
    faithfulness: Faithfulness
    sanity: tuple[SanityStep, ...]
    """Empty where weights cannot be reached, as in an ONNX file."""
    control: Estimate | None
    """Rank agreement with the maps of a network trained on permuted labels, where one is given."""

    @property
    def depends_on_weights(self) -> bool | None:
        """Return whether maps change when everything learned is destroyed; None if not tried."""
        return self.sanity[-1].agreement < SAME_MAP if self.sanity else None

    @property
    def depends_on_labels(self) -> bool | None:
        """Return whether maps change when trained on permuted labels; None if not tried."""
        return self.control.mean < SAME_MAP if self.control else None

    @property
    def is_believable(self) -> bool:
        """Return whether no test that was made speaks against the method."""
        learned = (self.depends_on_weights, self.depends_on_labels)
        return self.faithfulness.is_informative and False not in learned


def try_methods(
    subject: Subject,
    inputs: Float32[np.ndarray, "n 3 h w"],
    target: Target,
    seed: int,
    control: Subject | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Trust]:
    """Return the tests of every method of a network on some images.

    Args:
        subject: the network; it is left as it came.
        inputs: at least one normalised image.
        target: whose evidence is shown.
        seed: of random maps, destroyed weights and the bootstrap.
        control: a network like it that was trained on permuted labels; Adebayo et al. 2018,
            "Sanity Checks for Saliency Maps", section 3.2.
        progress: told how many maps of how many are tested.
    """
    count = len(inputs) * len(subject.methods)
    progress(0, count)
    directions = choose_sides(subject.card, subject.odds(inputs), target)
    known = _trace_known(subject, inputs, directions, seed)
    few = slice(0, SANITY_IMAGES)
    trusts: list[Trust] = []
    for method in subject.methods:
        maps = _explain(subject, inputs, method, directions)
        curves = []
        for image, heat, direction, blind in zip(inputs, maps, directions, known, strict=True):
            curves.append({"map": _trace(subject, image, heat, direction), **blind})
            progress(len(trusts) * len(inputs) + len(curves), count)
        steps = []
        for ruin in subject.ruins(seed):
            if METHODS[method].slow and ruin.share < 1:
                continue
            ruined = _explain(ruin.subject, inputs[few], method, directions[few])
            steps.append(SanityStep(ruin.share, float(_agree(maps[few], ruined).mean())))
        likeness = None
        if control is not None:
            others = _explain(control, inputs, method, directions)
            likeness = estimate_mean(_agree(maps, others), seed)
        trusts.append(Trust(method, summarise_curves(curves, seed), tuple(steps), likeness))
    return trusts


def _agree(
    first: Float[np.ndarray, "n h w"], second: Float[np.ndarray, "n h w"]
) -> Float[np.ndarray, " n"]:
    return np.array([rank_agreement(one, other) for one, other in zip(first, second, strict=True)])


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
    def score(images: Float32[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, " n"]:
        return expit(direction * subject.odds(images) / subject.card.temperature)

    return trace_curves(score, image, heat)


def _explain(
    subject: Subject,
    inputs: Float32[np.ndarray, "n 3 h w"],
    method: str,
    directions: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n h w"]:
    parts = [
        subject.explain(inputs[start : start + _BATCH], method, directions[start : start + _BATCH])
        for start in range(0, len(inputs), _BATCH)
    ]
    return np.concatenate(parts)
