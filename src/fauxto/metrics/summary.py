"""One table of scores summed up: ``metrics.json``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field

from fauxto.core.artifacts import METRICS, read_document
from fauxto.core.labels import Label
from fauxto.core.records import Document, Record, Score
from fauxto.metrics.calibration import brier_score, expected_calibration_error, log_loss
from fauxto.metrics.confusion import count_confusion
from fauxto.metrics.intervals import bootstrap_intervals, number_groups, wilson_interval
from fauxto.metrics.labels import has_both_classes
from fauxto.metrics.parts import Control, Part
from fauxto.metrics.ranking import average_precision, roc_auc, tpr_at_fpr

FPR_LEVELS: tuple[float, ...] = (0.01, 0.05)
"""False positive rates at which the share of fakes caught is told."""


WORST_CASE: Final = "worst of all"
"""Name of the rows that count an image as wrong, or flipped, if any disturbance makes it so."""


class ByLabel(Record):
    """A metric of each label; null where its denominator is zero."""

    fake: Score | None
    real: Score | None


class Counts(Record):
    """Verdicts counted; the positive class is fake."""

    tp: int
    fn: int
    fp: int
    tn: int


class Slice(Record):
    """How the verdicts fare on a part of the images."""

    by: str
    """What parts the images, for example ``generator``."""
    value: str
    """Which part, for example ``midjourney``."""
    n: int
    n_real: int
    n_fake: int
    accuracy: Score
    interval: tuple[Score, Score]
    """Wilson interval of the accuracy over the slice's groups."""
    accuracy_real: Score | None
    """Share of its real images called real; null without any."""
    accuracy_fake: Score | None
    """Share of its fake images called fake; null without any."""


class Disturbance(Record):
    """What one disturbance at one strength does to the verdicts."""

    disturbance: str
    strength: int
    """From 1, mild, to 5."""
    n: int
    accuracy: Score
    interval: tuple[Score, Score] | None = None
    """Wilson interval of the accuracy over the sample's groups."""
    roc_auc: Score | None
    flip_rate: Score
    """Share of images whose verdict differs from that on the undisturbed image."""


class Metrics(Document):
    """What an evaluation found (``metrics.json``); fractions in [0, 1], positive class fake."""

    run: str
    """Name of the run, or of the table of foreign scores."""
    split: str
    data: str
    """Digest of the images: paths, labels and, where known, contents; independent of order."""
    split_method: str
    """How the splits were made; ``unknown`` for foreign scores."""
    n: int
    """Images with a score; every metric is over these."""
    n_errors: int
    """Images that could not be read; they are in ``predictions.parquet`` with their error."""
    n_groups: int
    """Groups that were drawn as one for the intervals."""
    n_unsure: int
    """Images whose score lies in the unsure band. The metrics count them by the threshold."""
    threshold: Score
    policy: str | None = None
    """How validation chose the threshold; null where it was given."""
    accuracy: Score
    balanced_accuracy: Score | None
    precision: ByLabel
    recall: ByLabel
    f1: ByLabel
    macro_f1: Score | None
    confusion: Counts
    roc_auc: Score | None
    average_precision: Score | None
    tpr_at_fpr: dict[str, Annotated[float, Field(ge=0, le=1)]]
    """Highest share of fakes caught at a false positive rate; empty with one class only."""
    ece: Score
    brier: Score
    log_loss: Annotated[float, Field(ge=0)]
    intervals: dict[str, tuple[float, float]]
    """95 % interval by metric, as ``accuracy`` or ``recall.fake``; absent where none exists."""
    slices: tuple[Slice, ...] = ()
    """Worst first: by the upper end of the interval, so that small slices do not lead by chance."""
    robustness: tuple[Disturbance, ...] = ()
    seen: tuple[Part, ...] = ()
    """Images whose source and generator occur in training, and the others, apart; empty where
    that is not known."""
    controls: tuple[Control, ...] = ()
    """The same metrics for baselines that cannot see the picture's detail."""


def summarise(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    threshold: float,
    *,
    groups: Sequence[str | None],
    seed: int = 42,
) -> dict[str, object]:
    """Return the fields of ``Metrics`` that follow from labels and scores alone.

    Args:
        labels: 0 real, 1 fake; at least one row.
        scores: in [0, 1], 1 is fake.
        threshold: score at or above which the verdict is fake.
        groups: name of the group of each row; None is a group of its own.
        seed: of the resampling behind the intervals.
    """
    confusion = count_confusion(labels, scores, threshold)
    number = number_groups(groups)
    both = has_both_classes(labels)
    return {
        "n": confusion.n,
        "n_groups": len(np.unique(number)),
        "threshold": threshold,
        "accuracy": confusion.accuracy,
        "balanced_accuracy": confusion.balanced_accuracy,
        "precision": _by_label(confusion.precision(Label.FAKE), confusion.precision(Label.REAL)),
        "recall": _by_label(confusion.recall(Label.FAKE), confusion.recall(Label.REAL)),
        "f1": _by_label(confusion.f1(Label.FAKE), confusion.f1(Label.REAL)),
        "macro_f1": confusion.macro_f1,
        "confusion": Counts(tp=confusion.tp, fn=confusion.fn, fp=confusion.fp, tn=confusion.tn),
        "roc_auc": roc_auc(labels, scores) if both else None,
        "average_precision": average_precision(labels, scores) if both else None,
        "tpr_at_fpr": {
            str(level): tpr_at_fpr(labels, scores, level) for level in FPR_LEVELS if both
        },
        "ece": expected_calibration_error(labels, scores),
        "brier": brier_score(labels, scores),
        "log_loss": log_loss(labels, scores),
        "intervals": bootstrap_intervals(labels, scores, threshold, groups=number, seed=seed),
    }


def _by_label(fake: float | None, real: float | None) -> ByLabel:
    return ByLabel(fake=fake, real=real)


def slice_accuracy(
    labels: Int[np.ndarray, " n"],
    called_fake: Bool[np.ndarray, " n"],
    *,
    by: str,
    values: Sequence[str | None],
    groups: Sequence[str | None],
) -> list[Slice]:
    """Return one slice for each value, sorted by value; rows without a value are left out.

    Args:
        labels: 0 real, 1 fake.
        called_fake: whether the verdict is fake.
        by: name of what parts the rows.
        values: the part of each row.
        groups: name of the group of each row; None is a group of its own.
    """
    number = number_groups(groups)
    right = called_fake == (labels == 1)
    slices = []
    for value in sorted({value for value in values if value is not None}):
        rows = np.array([other == value for other in values], dtype=bool)
        real, fake = rows & (labels == 0), rows & (labels == 1)
        accuracy = float(np.mean(right[rows]))
        independent = len(np.unique(number[rows]))
        slices.append(
            Slice(
                by=by,
                value=value,
                n=int(rows.sum()),
                n_real=int(real.sum()),
                n_fake=int(fake.sum()),
                accuracy=accuracy,
                interval=wilson_interval(accuracy, independent),
                accuracy_real=float(np.mean(right[real])) if real.any() else None,
                accuracy_fake=float(np.mean(right[fake])) if fake.any() else None,
            )
        )
    return slices


def sort_worst_first(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    """Return slices by the upper end of their interval, then by name."""
    return tuple(sorted(slices, key=lambda part: (part.interval[1], part.by, part.value)))


def read_metrics(folder: Path) -> Metrics:
    """Return ``metrics.json`` of an evaluation's folder.

    Raises:
        ArtifactError: it is missing, damaged or from a newer version.
    """
    return read_document(folder / METRICS, Metrics, "a result of 'fauxto evaluate'")
