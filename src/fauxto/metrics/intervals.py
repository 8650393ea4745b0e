"""How far a metric could lie from its value: intervals that respect groups and classes.

Near duplicates and pictures of one source page are not independent, so groups of rows are drawn,
not rows; groups of reals, of fakes and of both are drawn apart, so that every resample has the
classes of the original.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, stdtrit

from fauxto.metrics.calibration import ECE_BINS, equal_mass_bins

CONFIDENCE: Final = 0.95
"""Share of repetitions of the whole experiment in which an interval should hold the truth."""

RESAMPLES: Final = 2000
"""Resamples behind every interval."""

_Z: Final = 1.959963984540054  # of the standard normal, two-sided at CONFIDENCE
_BLOCK_CELLS: Final = 500_000  # weights held at once; 4 MB
_CACHE_CELLS: Final = (
    120_000  # weights worked on at once: with what follows from them, a cache full
)


def number_groups(groups: Sequence[str | None]) -> Int[np.ndarray, " n"]:
    """Return a group number for each row, from 0; a row without a group is a group of its own.

    Numbers follow the groups' names, then the rows without one.
    """
    names = sorted({group for group in groups if group is not None})
    number = {name: index for index, name in enumerate(names)}
    numbers = np.empty(len(groups), dtype=np.int64)
    alone = len(names)
    for row, group in enumerate(groups):
        if group is None:
            numbers[row], alone = alone, alone + 1
        else:
            numbers[row] = number[group]
    return numbers


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Return the interval of a proportion, in [0, 1]; sensible also for shares 0 and 1.

    Args:
        share: of trials that succeeded, in [0, 1].
        n: number of independent trials, at least 1.

    Source:
        Wilson 1927; formula (4) of Brown, Cai and DasGupta 2001.
    """
    z2 = _Z * _Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def draw_weights(
    labels: Int[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"],
    resamples: int,
    rng: np.random.Generator,
) -> Iterator[Float[np.ndarray, "block n"]]:
    """Yield blocks of resamples: how often each row was drawn, with its whole group.

    Args:
        labels: 0 real, 1 fake.
        groups: group numbers from 0, without gaps.
        resamples: rows of all blocks together.
        rng: source of randomness.
    """
    n_groups = int(groups.max()) + 1
    has_real = np.bincount(groups, weights=labels == 0, minlength=n_groups) > 0
    has_fake = np.bincount(groups, weights=labels == 1, minlength=n_groups) > 0
    strata = [has_real & ~has_fake, has_fake & ~has_real, has_real & has_fake]
    members = [np.flatnonzero(stratum) for stratum in strata if stratum.any()]
    block = max(1, _BLOCK_CELLS // len(labels))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        counts = np.empty((size, n_groups))
        for stratum in members:
            m = len(stratum)
            drawn = rng.integers(0, m, size=(size, m)) + m * np.arange(size)[:, None]
            counts[:, stratum] = np.bincount(drawn.ravel(), minlength=size * m).reshape(size, m)
        yield counts[:, groups]


class WeightedMetrics:
    """All metrics of one table of scores, for many row weightings at once.

    Sorting happens once; a block of resamples then costs a few passes over its weights.
    """

    def __init__(
        self, labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"], threshold: float
    ) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._labels = labels[self._order].astype(np.float64)
        scores = scores[self._order].astype(np.float64)
        self._starts = np.flatnonzero(np.diff(-scores, prepend=-np.inf))
        self._called = int(np.sum(scores[self._starts] >= threshold))
        # One column a sum: rows, squared and logarithmic loss, and the gap in each bin.
        clipped = np.clip(scores, 1e-15, 1 - 1e-15)
        loss = -np.where(self._labels == 1, np.log(clipped), np.log1p(-clipped))
        gap = scores - self._labels
        in_bin = equal_mass_bins(scores)[:, None] == np.arange(ECE_BINS)
        self._sums = np.column_stack([np.ones(len(scores)), gap**2, loss, gap[:, None] * in_bin])

    def compute(self, weights: Float[np.ndarray, "b n"]) -> dict[str, Float[np.ndarray, " b"]]:
        """Return each metric for each weighting; NaN where it is not defined.

        Args:
            weights: how often each row counts; 0 leaves it out.
        """
        step = max(1, _CACHE_CELLS // len(self._order))
        parts = [
            self._compute(weights[start : start + step][:, self._order])
            for start in range(0, len(weights), step)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _compute(self, weights: Float[np.ndarray, "b n"]) -> dict[str, Float[np.ndarray, " b"]]:
        fakes, reals = self._labels * weights, (1 - self._labels) * weights
        if len(self._starts) < len(self._order):  # ties move together
            fakes = np.add.reduceat(fakes, self._starts, axis=1)
            reals = np.add.reduceat(reals, self._starts, axis=1)
        tp, fp = np.cumsum(fakes, axis=1), np.cumsum(reals, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (
                self._verdict_metrics(tp, fp)
                | _ranking_metrics(fakes, reals, tp, fp)
                | self._score_metrics(weights)
            )

    def _verdict_metrics(
        self, caught: Float[np.ndarray, "b d"], accused: Float[np.ndarray, "b d"]
    ) -> dict[str, Float[np.ndarray, " b"]]:
        last = self._called - 1
        tp = caught[:, last] if self._called else np.zeros(len(caught))
        fp = accused[:, last] if self._called else np.zeros(len(accused))
        fn, tn = caught[:, -1] - tp, accused[:, -1] - fp
        recall_fake, recall_real = tp / (tp + fn), tn / (tn + fp)
        f1_fake, f1_real = 2 * tp / (2 * tp + fp + fn), 2 * tn / (2 * tn + fp + fn)
        return {
            "accuracy": (tp + tn) / (tp + fn + fp + tn),
            "balanced_accuracy": (recall_fake + recall_real) / 2,
            "precision.fake": tp / (tp + fp),
            "precision.real": tn / (tn + fn),
            "recall.fake": recall_fake,
            "recall.real": recall_real,
            "f1.fake": f1_fake,
            "f1.real": f1_real,
            "macro_f1": (f1_fake + f1_real) / 2,
        }

    def _score_metrics(
        self, weights: Float[np.ndarray, "b n"]
    ) -> dict[str, Float[np.ndarray, " b"]]:
        sums = weights @ self._sums
        return {
            "ece": np.abs(sums[:, 3:]).sum(axis=1) / sums[:, 0],
            "brier": sums[:, 1] / sums[:, 0],
            "log_loss": sums[:, 2] / sums[:, 0],
        }


def _ranking_metrics(
    fakes: Float[np.ndarray, "b d"],
    reals: Float[np.ndarray, "b d"],
    tp: Float[np.ndarray, "b d"],
    fp: Float[np.ndarray, "b d"],
) -> dict[str, Float[np.ndarray, " b"]]:
    """Return what follows from the fakes and reals at each score, highest first, and their sums."""
    n_fake, n_real = tp[:, -1], fp[:, -1]
    pairs = n_fake * n_real
    outranked = pairs - np.einsum("bd,bd->b", fakes, fp) + np.einsum("bd,bd->b", fakes, reals) / 2
    precision = tp + fp
    precision += 1e-300  # where nothing is called fake yet, no fake is found either: 0
    np.divide(tp, precision, out=precision)
    return {
        "roc_auc": outranked / pairs,
        "average_precision": np.einsum("bd,bd->b", fakes, precision)
        / np.where(n_real > 0, n_fake, np.nan),
        "tpr_at_fpr.0.01": _recall_within(0.01, tp, fp),
        "tpr_at_fpr.0.05": _recall_within(0.05, tp, fp),
    }


def _recall_within(
    limit: float, tp: Float[np.ndarray, "b d"], fp: Float[np.ndarray, "b d"]
) -> Float[np.ndarray, " b"]:
    most = limit * fp[:, -1] + 1e-9
    caught = np.zeros(len(tp))
    for row, (found, accused) in enumerate(zip(tp, fp, strict=True)):
        allowed = int(np.searchsorted(accused, most[row], side="right"))
        caught[row] = found[allowed - 1] if allowed else 0.0
    return caught / np.where(fp[:, -1] > 0, tp[:, -1], np.nan)


def count_fewest_groups(labels: Int[np.ndarray, " n"], groups: Int[np.ndarray, " n"]) -> int:
    """Return the number of groups with rows of the class that has fewer of them; 0 never."""
    counts = [len(np.unique(groups[labels == label])) for label in (0, 1)]
    return min(count for count in counts if count)


def percentile_interval(
    samples: Float[np.ndarray, " b"], n_groups: int
) -> tuple[float, float] | None:
    """Return the middle of resampled values that holds the truth with ``CONFIDENCE``.

    Args:
        samples: resampled values; NaN where one is not defined.
        n_groups: independent groups behind them. With few, plain percentiles are too narrow, so
            more extreme ones are taken.

    Returns:
        Lower and upper end, or None if the values do not vary.

    Source:
        Hesterberg 2015, section 4.4 ("expanded percentile interval").
    """
    defined = samples[~np.isnan(samples)]
    if not len(defined):
        return None
    n = max(n_groups, 2)
    tail = float(ndtr(-math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return (float(low), float(high)) if high - low > 1e-12 else None


def bootstrap_intervals(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    threshold: float,
    *,
    groups: Int[np.ndarray, " n"],
    resamples: int = RESAMPLES,
    seed: int = 42,
) -> dict[str, tuple[float, float]]:
    """Return an interval for every metric that resampling can say something about.

    Expanded percentile intervals; for the calibration error the reflected ("basic") one, since
    resampling adds error to an error. Where no resample differs (no mistake was seen), a
    proportion has the Wilson interval of its number of groups instead, and other metrics have
    none.

    Args:
        labels: 0 real, 1 fake.
        scores: in [0, 1], 1 is fake.
        threshold: score at or above which the verdict is fake.
        groups: group numbers from 0, without gaps; see ``number_groups``.
        resamples: number of bootstrap resamples.
        seed: of the resampling.

    Returns:
        Lower and upper end by metric; metrics of a label are named like ``recall.fake``.

    Source:
        Efron and Tibshirani 1993, chapters 13 and 14; groups: Davison and Hinkley 1997, 3.8.
    """
    # Rows are put into one order first, so that a seed means the same for any order of rows.
    order = np.lexsort((groups, labels, scores))
    labels, scores, groups = labels[order], scores[order], groups[order]
    _, groups = np.unique(groups, return_inverse=True)
    metrics = WeightedMetrics(labels, scores, threshold)
    value = metrics.compute(np.ones((1, len(labels))))
    blocks = [
        metrics.compute(weights)
        for weights in draw_weights(labels, groups, resamples, np.random.default_rng(seed))
    ]
    independent = _count_independent(labels, scores >= threshold, groups)
    fewest = count_fewest_groups(labels, groups)
    intervals = {}
    for name, exact in value.items():
        found = percentile_interval(np.concatenate([block[name] for block in blocks]), fewest)
        if found is None and independent.get(name):
            found = wilson_interval(float(exact[0]), independent[name])
        if found is not None and name == "ece":
            found = (max(0.0, 2 * exact[0] - found[1]), max(0.0, 2 * exact[0] - found[0]))
        if found is not None:
            intervals[name] = (float(found[0]), float(found[1]))
    return intervals


def _count_independent(
    labels: Int[np.ndarray, " n"], called_fake: np.ndarray, groups: Int[np.ndarray, " n"]
) -> Mapping[str, int]:
    """Return, for each metric that is a proportion, the groups its denominator comes from."""
    rows: dict[str, np.ndarray] = {
        "accuracy": np.ones(len(labels), dtype=bool),
        "precision.fake": called_fake,
        "precision.real": ~called_fake,
        "recall.fake": labels == 1,
        "recall.real": labels == 0,
    }
    return {name: len(np.unique(groups[chosen])) for name, chosen in rows.items()}
