"""How well scores order fakes above reals, whatever the threshold."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from fauxto.metrics.labels import require_both_classes


@dataclass(frozen=True)
class Thresholds:
    """What every possible threshold does, from the highest (nothing is fake) down."""

    threshold: Float[np.ndarray, " t"]
    """Each distinct score, descending, after a first ``inf``."""
    tp: Int[np.ndarray, " t"]
    """Fakes with a score at or above the threshold."""
    fp: Int[np.ndarray, " t"]
    """Reals with a score at or above the threshold."""

    @property
    def tpr(self) -> Float[np.ndarray, " t"]:
        """Return the share of fakes called fake, from 0 to 1."""
        return self.tp / self.tp[-1]

    @property
    def fpr(self) -> Float[np.ndarray, " t"]:
        """Return the share of reals called fake, from 0 to 1."""
        return self.fp / self.fp[-1]

    @property
    def precision(self) -> Float[np.ndarray, " t"]:
        """Return the share of fakes among those called fake; 1 where nothing is."""
        called = self.tp + self.fp
        return np.divide(self.tp, called, out=np.ones(len(called)), where=called > 0)


def sweep_thresholds(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> Thresholds:
    """Count true and false positives at every threshold; equal scores move together.

    Raises:
        DataError: a class is missing.
    """
    require_both_classes(labels, what="ranking metrics")
    distinct, number = np.unique(scores, return_inverse=True)
    fakes = np.bincount(number, weights=labels == 1, minlength=len(distinct)).astype(np.int64)
    reals = np.bincount(number, weights=labels == 0, minlength=len(distinct)).astype(np.int64)
    return Thresholds(
        threshold=np.concatenate([[np.inf], distinct[::-1].astype(np.float64)]),
        tp=np.concatenate([[0], np.cumsum(fakes[::-1])]),
        fp=np.concatenate([[0], np.cumsum(reals[::-1])]),
    )


def roc_auc(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> float:
    """Return the chance that a fake scores above a real, ties counting half; 0.5 is a coin's.

    Raises:
        DataError: a class is missing.

    Source:
        Fawcett 2006, section 7: area by trapezoids, which is the Mann-Whitney statistic.
    """
    curve = sweep_thresholds(labels, scores)
    return float(np.sum(np.diff(curve.fpr) * (curve.tpr[1:] + curve.tpr[:-1])) / 2)


def average_precision(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> float:
    """Return precision averaged over the steps of recall, in [0, 1]; not interpolated.

    Raises:
        DataError: a class is missing.
    """
    curve = sweep_thresholds(labels, scores)
    return float(np.sum(np.diff(curve.tpr) * curve.precision[1:]))


def tpr_at_fpr(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"], limit: float
) -> float:
    """Return the highest share of fakes caught while at most ``limit`` of reals are called fake.

    Args:
        labels: 0 real, 1 fake.
        scores: higher means fake.
        limit: false positive rate in [0, 1]; the curve is not interpolated.

    Raises:
        DataError: a class is missing.
    """
    curve = sweep_thresholds(labels, scores)
    allowed = curve.fp <= limit * curve.fp[-1] + 1e-9
    return float(curve.tpr[allowed][-1])
