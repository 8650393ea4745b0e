"""Which drawn images become pictures: sure hits, sure misses and unsure ones of both classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fauxto.core.labels import Label


@dataclass(frozen=True)
class Choice:
    """One chosen image."""

    index: int
    """Position among the candidates."""
    reason: str
    """Why it was chosen, in words; empty for named images."""


def choose_pictures(
    labels: Sequence[Label | None], margins: Float[np.ndarray, " n"], count: int
) -> list[Choice]:
    """Return at most ``count`` images: sure hits, sure misses and unsure ones, in turn.

    Args:
        labels: of the candidates.
        margins: mean over the models of score minus threshold, in [−1, 1]; NaN for images that
            could not be read, which are passed over.
        count: pictures wanted.

    Returns:
        Choices in the order hits, misses, unsure; within each, fakes and reals in turn.
    """
    kinds: list[tuple[str, Callable[[float, bool], float | None]]] = [
        ("sure and right", lambda margin, right: abs(margin) if right else None),
        ("sure and wrong", lambda margin, right: None if right else abs(margin)),
        ("close to the threshold", lambda margin, _right: -abs(margin)),
    ]
    queues = []
    for reason, rate in kinds:
        for label in (Label.FAKE, Label.REAL):
            ratings = []
            for index, (own, margin) in enumerate(zip(labels, margins, strict=True)):
                if own is not label or np.isnan(margin):
                    continue
                rating = rate(float(margin), (margin >= 0) == (label is Label.FAKE))
                if rating is not None:
                    ratings.append((-rating, index))
            queues.append((reason, [index for _, index in sorted(ratings)]))
    taken: dict[int, str] = {}
    while len(taken) < count and any(queue for _, queue in queues):
        for reason, queue in queues:
            while queue and queue[0] in taken:
                queue.pop(0)
            if queue and len(taken) < count:
                taken[queue.pop(0)] = reason
    order = [reason for reason, _ in kinds]
    chosen = [Choice(index, reason) for index, reason in taken.items()]
    return sorted(chosen, key=lambda choice: order.index(choice.reason))
