"""Whether two models differ, judged on the same images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr, ndtri
from scipy.stats import binom, rankdata

from fauxto.metrics.labels import require_both_classes


@dataclass(frozen=True)
class McNemar:
    """Images on which exactly one of two models is right, and what follows from them."""

    only_first: int
    """Images that only the first model has right."""
    only_second: int
    """Images that only the second model has right."""
    p_value: float
    """Chance of so uneven a count, or a more uneven one, if both were equally accurate."""


def mcnemar_exact(
    first_right: Bool[np.ndarray, " n"], second_right: Bool[np.ndarray, " n"]
) -> McNemar:
    """Test whether two models are equally accurate on the same images.

    Source:
        McNemar 1947; the exact binomial form, two-sided.
    """
    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(second_right & ~first_right))
    return McNemar(only_first, only_second, mcnemar_p_value(only_first, only_second))


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    >>> round(mcnemar_p_value(2, 8), 4)
    0.1094
    """
    fewer, n = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(binom.cdf(fewer, n, 0.5))) if n else 1.0


def images_needed(
    only_first: int, only_second: int, n: int, *, level: float = 0.05, power: float = 0.8
) -> int | None:
    """Return how many images in all would tell the two models apart, if they differ as seen here.

    Args:
        only_first: images that only the first model has right.
        only_second: images that only the second model has right.
        n: images that both were tested on.
        level: p-value below which McNemar's test finds a difference.
        power: chance with which it would find this one.

    Returns:
        A number of images, or None where no difference was seen.

    Source:
        Connor 1987, formula (3).
    """
    either, gap = (only_first + only_second) / n, abs(only_first - only_second) / n
    if gap == 0:
        return None
    found = float(ndtri(1 - level / 2)) * math.sqrt(either) + float(ndtri(power)) * math.sqrt(
        either - gap * gap
    )
    return math.ceil((found / gap) ** 2)


@dataclass(frozen=True)
class AucDifference:
    """ROC-AUC of the first model less that of the second."""

    difference: float
    standard_error: float
    p_value: float
    """Chance of so large a difference, or a larger one, if both were equal."""


def delong(
    labels: Int[np.ndarray, " n"],
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
) -> AucDifference:
    """Test whether two models have the same ROC-AUC on the same images.

    Args:
        labels: 0 real, 1 fake.
        first: scores of the first model, higher means fake.
        second: scores of the second model.

    Raises:
        DataError: a class is missing.

    Source:
        DeLong, DeLong and Clarke-Pearson 1988; midranks after Sun and Xu 2014.
    """
    require_both_classes(labels, what="comparing ROC-AUC")
    fake = labels == 1
    of_fakes, of_reals = zip(
        *(_placements(scores, fake) for scores in (first, second)), strict=True
    )
    difference = float(np.mean(of_fakes[0]) - np.mean(of_fakes[1]))
    variance = sum(
        float(np.var(values[0] - values[1], ddof=1)) / len(values[0]) if len(values[0]) > 1 else 0.0
        for values in (of_fakes, of_reals)
    )
    error = math.sqrt(variance)
    if error < 1e-12:
        p_value = 1.0 if abs(difference) < 1e-12 else 0.0
    else:
        p_value = 2 * float(ndtr(-abs(difference) / error))
    return AucDifference(difference, error, p_value)


def _placements(
    scores: Float[np.ndarray, " n"], fake: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, " r"]]:
    """Return for each fake the share of reals below it, for each real that of fakes above it."""
    ranks = rankdata(scores)
    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    of_fakes = (ranks[fake] - rankdata(scores[fake])) / n_real
    of_reals = 1 - (ranks[~fake] - rankdata(scores[~fake])) / n_fake
    return of_fakes, of_reals


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the number of tests, in the given order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Source:
        Holm 1979.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
