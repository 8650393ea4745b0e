"""Thresholds and the unsure band, fitted on validation rows and nowhere else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from fauxto.core.choices import DEFAULT_COST_RATIO
from fauxto.core.errors import RecipeError
from fauxto.core.labels import Verdict
from fauxto.core.records import OperatingPoint, Policy
from fauxto.metrics.labels import require_both_classes, require_finite

FPR_LIMITS: Final = {Policy.FPR_1: 0.01, Policy.FPR_5: 0.05}
"""Highest share of reals called fake, for the policies that bound it."""

REALS_NEEDED: Final = {policy: round(1 / limit) for policy, limit in FPR_LIMITS.items()}
"""Real validation images below which a policy's limit allows no false positive at all."""

UNSURE_ERROR_RATE: Final = 0.05
"""Error rate at which the card's unsure band is fitted."""


@dataclass(frozen=True)
class _Candidates:
    threshold: Float[np.ndarray, " t"]  # ascending
    recall_fake: Float[np.ndarray, " t"]
    fpr: Float[np.ndarray, " t"]

    def find_cheapest(self, cost_ratio: float) -> int:
        """Return the position of the least cost, of several the threshold nearest to 0.5."""
        gain = np.round(cost_ratio * self.recall_fake - self.fpr, 12)
        best = np.flatnonzero(gain == gain.max())
        return int(min(best, key=lambda i: abs(self.threshold[i] - 0.5)))

    def point(self, policy: Policy, index: int) -> OperatingPoint:
        return OperatingPoint(
            policy=policy,
            threshold=float(self.threshold[index]),
            recall_fake=float(self.recall_fake[index]),
            fpr=float(self.fpr[index]),
        )


def _share_at_or_above(
    scores: Float[np.ndarray, " n"], thresholds: Float[np.ndarray, " t"]
) -> Float[np.ndarray, " t"]:
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return (len(scores) - below) / len(scores)


def _list_candidates(real: Float[np.ndarray, " r"], fake: Float[np.ndarray, " f"]) -> _Candidates:
    distinct = np.unique(np.concatenate([real, fake]))
    below, above = distinct[:-1], distinct[1:]
    middle = (below + above) / 2
    # Between neighbouring floats the midpoint rounds to one of them; the upper one parts them.
    middle = np.where(middle > below, middle, above)
    ends = [0.0] if distinct[-1] >= 1 else [0.0, (distinct[-1] + 1) / 2]
    thresholds = np.unique(np.concatenate([ends, middle]))
    return _Candidates(
        thresholds, _share_at_or_above(fake, thresholds), _share_at_or_above(real, thresholds)
    )


def count_needed(policy: Policy, cost_ratio: float = DEFAULT_COST_RATIO) -> tuple[int, int]:
    """Return how many real and how many fake validation images a policy needs, (real, fake).

    With fewer, a single image decides: one real would use up the whole allowance of an ``fpr``
    policy, and one missed fake would cost more than calling every real fake (or the reverse).
    """
    if policy in REALS_NEEDED:
        return REALS_NEEDED[policy], 1
    if policy is Policy.COST:
        return math.ceil(1 / cost_ratio), math.ceil(cost_ratio)
    return 1, 1


def require_enough(
    labels: Int[np.ndarray, " n"], policy: Policy, cost_ratio: float = DEFAULT_COST_RATIO
) -> None:
    """Check that validation is large enough for a policy.

    Args:
        labels: of validation rows; 0 real, 1 fake.
        policy: rule by which the threshold will be chosen.
        cost_ratio: what a missed fake costs, in false alarms.

    Raises:
        RecipeError: it is not; the message says how many images it takes and how many there are.
    """
    found = int(np.sum(labels == 0)), int(np.sum(labels == 1))
    real, fake = count_needed(policy, cost_ratio)
    if found[0] < real or found[1] < fake:
        raise RecipeError(
            f"policy '{policy}' needs at least {real} real and {fake} fake validation images and "
            f"there are {found[0]} and {found[1]}: prepare with a larger --val, or choose the "
            "policy 'balanced'"
        )


def fit_operating_points(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    *,
    cost_ratio: float = DEFAULT_COST_RATIO,
) -> tuple[OperatingPoint, ...]:
    """Choose a threshold by every policy for which validation has enough images.

    Thresholds lie half-way between neighbouring scores, so that nothing depends on the order of
    rows. ``balanced`` takes the highest balanced accuracy, of several the threshold nearest to
    0.5; the ``fpr`` policies take the highest recall of fakes that keeps to the limit, of several
    the one with the fewest reals called fake; ``cost`` takes the lowest ``cost_ratio`` times the
    share of fakes missed plus the share of reals called fake, as if both classes were equally
    frequent (with a ratio of 1 it is ``balanced``).

    Args:
        labels: of validation rows; 0 real, 1 fake.
        scores: of validation rows, in [0, 1]; 1 is fake.
        cost_ratio: what a missed fake costs, in false alarms; positive.

    Returns:
        Points in the order of ``Policy``. A policy is left out when there are fewer images than
        ``count_needed`` says, or when so many reals tie at score 1 that no threshold keeps to
        its limit.

    Raises:
        DataError: a class is missing, or a score is not finite.
    """
    require_both_classes(labels, what="choosing a threshold on validation")
    require_finite(scores, what="choosing a threshold on validation")
    scores = scores.astype(np.float64)
    real, fake = scores[labels == 0], scores[labels == 1]
    candidates = _list_candidates(real, fake)
    points = [
        OperatingPoint(
            policy=Policy.ARGMAX,
            threshold=0.5,
            recall_fake=float(np.mean(fake >= 0.5)),
            fpr=float(np.mean(real >= 0.5)),
        ),
        candidates.point(Policy.BALANCED, candidates.find_cheapest(1.0)),
    ]
    for policy, limit in FPR_LIMITS.items():
        allowed = np.flatnonzero(candidates.fpr <= limit + 1e-12)
        if len(real) >= REALS_NEEDED[policy] and len(allowed):
            recall = candidates.recall_fake[allowed]
            points.append(candidates.point(policy, int(allowed[recall == recall.max()][-1])))
    needed_real, needed_fake = count_needed(Policy.COST, cost_ratio)
    if len(real) >= needed_real and len(fake) >= needed_fake:
        point = candidates.point(Policy.COST, candidates.find_cheapest(cost_ratio))
        points.append(point.model_copy(update={"cost_ratio": cost_ratio}))
    return tuple(points)


def choose(points: Sequence[OperatingPoint], policy: Policy) -> OperatingPoint:
    """Return the operating point of a policy.

    Raises:
        RecipeError: validation did not allow this policy; the message says what it needs.
    """
    for point in points:
        if point.policy == policy:
            return point
    available = ", ".join(f"'{point.policy}'" for point in points)
    real, fake = count_needed(policy)
    reason = f"at least {real} real and {fake} fake validation images"
    if policy in FPR_LIMITS:
        reason += ", not too many of the reals at score 1"
    raise RecipeError(
        f"policy '{policy}' needs {reason}: use a larger validation split, or one of {available}"
    )


def fit_unsure_band(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    error_rate: float = UNSURE_ERROR_RATE,
) -> tuple[float, float] | None:
    """Return the scores between which (inclusive) a verdict would be a guess.

    Class-conditional split-conformal prediction: a label is plausible for a score unless the
    score lies beyond all but ``error_rate`` of that label's validation rows. Where classes
    overlap, the band holds the scores for which both labels are plausible; where they are far
    apart, those for which neither is. For new images that resemble the validation images, at
    most ``error_rate`` of reals score above the band and at most ``error_rate`` of fakes below.

    Args:
        labels: of validation rows; 0 real, 1 fake.
        scores: of validation rows, in [0, 1]; 1 is fake.
        error_rate: in (0, 1).

    Returns:
        Lower and upper end, or None where a class has fewer than ``1 / error_rate - 1``
        validation rows, with which no such promise can be made.

    Source:
        Vovk, Gammerman and Shafer 2005, section 4.5 (Mondrian conformal predictors).
    """
    real, fake = np.sort(scores[labels == 0]), np.sort(scores[labels == 1])
    beyond_real = math.floor(error_rate * (len(real) + 1) + 1e-9)
    beyond_fake = math.floor(error_rate * (len(fake) + 1) + 1e-9)
    if beyond_real < 1 or beyond_fake < 1:
        return None
    highest_real, lowest_fake = float(real[-beyond_real]), float(fake[beyond_fake - 1])
    return min(highest_real, lowest_fake), max(highest_real, lowest_fake)


def verdict(score: float, threshold: float, band: tuple[float, float] | None) -> Verdict:
    """Return what is said of one image.

    A larger score never gives a more real verdict: where a policy puts the threshold outside of
    the band, all between the two is unsure too. See ``unsure_between``.

    Args:
        score: in [0, 1], 1 is fake.
        threshold: score at or above which the verdict is fake.
        band: scores between which (inclusive) the verdict is unsure, or None.

    >>> verdict(0.5, 0.5, None)
    <Verdict.FAKE: 'fake'>
    >>> verdict(0.5, 0.5, (0.4, 0.6))
    <Verdict.UNSURE: 'unsure'>
    >>> verdict(0.8, 0.9, (0.4, 0.6))
    <Verdict.UNSURE: 'unsure'>
    """
    if score >= threshold:
        return Verdict.FAKE if band is None or score > band[1] else Verdict.UNSURE
    return Verdict.REAL if band is None or score < band[0] else Verdict.UNSURE


def unsure_between(
    threshold: float, band: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return the scores below which a verdict is real and above which it is fake; None if no band.

    >>> unsure_between(0.9, (0.4, 0.6))
    (0.4, 0.9)
    """
    return None if band is None else (min(band[0], threshold), max(band[1], threshold))


def verdicts(
    scores: Float[np.ndarray, " n"], threshold: float, band: tuple[float, float] | None
) -> list[Verdict]:
    """Return ``verdict`` of every score."""
    return [verdict(float(score), threshold, band) for score in scores]
