"""Right and wrong verdicts counted, and the report's metrics from the counts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from fauxto.core.labels import Label


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else (first + second) / 2


@dataclass(frozen=True)
class Confusion:
    """Counts of verdicts; the positive class is fake.

    Every metric is a fraction in [0, 1], or None where its denominator is zero (a class that
    does not occur, a verdict that was never given).
    """

    tp: int
    """Fakes called fake."""
    fn: int
    """Fakes called real."""
    fp: int
    """Reals called fake."""
    tn: int
    """Reals called real."""

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return self.tp + self.fn + self.fp + self.tn

    @property
    def accuracy(self) -> float | None:
        """Return the share of right verdicts."""
        return _ratio(self.tp + self.tn, self.n)

    @property
    def balanced_accuracy(self) -> float | None:
        """Return the mean of both recalls."""
        return _mean(self.recall(Label.FAKE), self.recall(Label.REAL))

    @property
    def macro_f1(self) -> float | None:
        """Return the mean of both F1 scores."""
        return _mean(self.f1(Label.FAKE), self.f1(Label.REAL))

    def precision(self, label: Label) -> float | None:
        """Return the share of verdicts ``label`` that are right."""
        if label == Label.FAKE:
            return _ratio(self.tp, self.tp + self.fp)
        return _ratio(self.tn, self.tn + self.fn)

    def recall(self, label: Label) -> float | None:
        """Return the share of images of ``label`` that are called so."""
        if label == Label.FAKE:
            return _ratio(self.tp, self.tp + self.fn)
        return _ratio(self.tn, self.tn + self.fp)

    def f1(self, label: Label) -> float | None:
        """Return the harmonic mean of precision and recall of ``label``."""
        right = self.tp if label == Label.FAKE else self.tn
        return _ratio(2 * right, 2 * right + self.fp + self.fn)


def count_confusion(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"], threshold: float
) -> Confusion:
    """Count verdicts; a score at or above the threshold is called fake.

    Args:
        labels: 0 real, 1 fake.
        scores: in [0, 1], 1 is fake.
        threshold: in [0, 1].
    """
    fake, called_fake = labels == 1, scores >= threshold
    return Confusion(
        tp=int(np.sum(fake & called_fake)),
        fn=int(np.sum(fake & ~called_fake)),
        fp=int(np.sum(~fake & called_fake)),
        tn=int(np.sum(~fake & ~called_fake)),
    )
