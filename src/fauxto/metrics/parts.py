"""Whole metrics of a part of the images, for numbers that are told side by side."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from fauxto.core.labels import Label
from fauxto.core.records import Record, Score
from fauxto.metrics.confusion import count_confusion
from fauxto.metrics.intervals import bootstrap_intervals, number_groups
from fauxto.metrics.labels import has_both_classes
from fauxto.metrics.ranking import roc_auc, tpr_at_fpr

_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "recall.fake": "recall_fake",
    "recall.real": "recall_real",
    "roc_auc": "roc_auc",
    "tpr_at_fpr.0.05": "tpr_at_fpr_5",
}


SEEN: Final = "seen in training"
UNSEEN: Final = "not seen in training"
"""Names of the parts whose source and generator occur in training, and of the others."""


class Part(Record):
    """How scores fare on a part of the images; null where a class is missing."""

    name: str
    n_real: int
    n_fake: int
    accuracy: Score
    balanced_accuracy: Score | None
    recall_fake: Score | None
    """Share of its fakes called fake."""
    recall_real: Score | None
    """Share of its reals called real."""
    roc_auc: Score | None
    tpr_at_fpr_5: Score | None
    """Highest share of fakes caught while at most 5 % of reals are called fake."""
    intervals: dict[str, tuple[float, float]]
    """95 % interval by the name of the metric above; absent where none exists."""

    @property
    def n(self) -> int:
        """Return the number of images."""
        return self.n_real + self.n_fake


class Control(Record):
    """What could be scored without the network, or the network, on the same images."""

    scorer: str
    """``model``, or what the baseline may look at."""
    images: str
    """``all`` of the split, or those on which a shortcut was taken away."""
    part: Part


def measure_part(
    name: str,
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    threshold: float,
    *,
    groups: Sequence[str | None],
    seed: int = 42,
) -> Part:
    """Return the metrics of some rows.

    Args:
        name: of the part.
        labels: 0 real, 1 fake; at least one row.
        scores: in [0, 1], 1 is fake.
        threshold: score at or above which the verdict is fake.
        groups: name of the group of each row; None is a group of its own.
        seed: of the resampling behind the intervals.
    """
    confusion = count_confusion(labels, scores, threshold)
    both = has_both_classes(labels)
    found = bootstrap_intervals(labels, scores, threshold, groups=number_groups(groups), seed=seed)
    return Part(
        name=name,
        n_real=confusion.tn + confusion.fp,
        n_fake=confusion.tp + confusion.fn,
        accuracy=(confusion.tp + confusion.tn) / confusion.n,
        balanced_accuracy=confusion.balanced_accuracy,
        recall_fake=confusion.recall(Label.FAKE),
        recall_real=confusion.recall(Label.REAL),
        roc_auc=roc_auc(labels, scores) if both else None,
        tpr_at_fpr_5=tpr_at_fpr(labels, scores, 0.05) if both else None,
        intervals={short: found[name] for name, short in _NAMES.items() if name in found},
    )
