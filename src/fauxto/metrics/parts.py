"""Whole metrics of a part of the images, for numbers that are told side by side."""

from collections.abc import Mapping, Sequence
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
"""Names in files of the parts whose source and generator occur in training, and of the others."""

_TITLES: Final = {
    SEEN: "sources and generators seen in training",
    UNSEEN: "sources or generators not seen in training",
}

ALL_IMAGES: Final = "all"
MODEL: Final = "model"
"""Names of a control that is measured on the whole split, and of the network itself."""


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

    @property
    def title(self) -> str:
        """Return the name as a reader sees it: no image itself was seen in training."""
        return title_part(self.name)


class Control(Record):
    """What could be scored without the network, or the network, on the same images."""

    scorer: str
    """``model``, or what the baseline may look at."""
    images: str
    """``all`` of the split, or those on which a shortcut was taken away."""
    part: Part


def title_part(name: str) -> str:
    """Return the name of a part as a reader sees it.

    >>> title_part("seen in training")
    'sources and generators seen in training'
    """
    return _TITLES.get(name, name)


def describe_shortcut(controls: Mapping[str, Sequence[Control]]) -> str | None:
    """Return which baseline ranks all images at least as well as models do; None if none does.

    Args:
        controls: of each model, by its name in a sentence.
    """
    beaten: dict[str, tuple[float, float]] = {}
    best = (0.0, 0.0, "")
    for name, measured in controls.items():
        areas = {
            one.scorer: (one.part.roc_auc, one.part.accuracy, one.scorer)
            for one in measured
            if one.images == ALL_IMAGES and one.part.roc_auc is not None
        }
        own = areas.pop(MODEL, None)
        baseline = max(areas.values(), default=None)
        if own is not None and baseline is not None and baseline[0] >= own[0]:
            beaten[name] = own[:2]
            best = max(best, baseline)
    if not beaten:
        return None
    area, accuracy, scorer = best
    told = [join_words([f"{own[at] * 100:.1f} %" for own in beaten.values()]) for at in (0, 1)]
    return (
        f"The baseline '{scorer}', which never sees a picture's detail, ranks these images at "
        f"least as well as {join_words(list(beaten))}: ROC-AUC {area * 100:.1f} % against "
        f"{told[0]}; right on {accuracy * 100:.1f} % of them against {told[1]}."
    )


def join_words(words: Sequence[str]) -> str:
    """Return words as a sentence lists them.

    >>> join_words(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


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
