"""What an audit says: findings, shortcuts and the numbers of chapter one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import Field

from fauxto.core.labels import LABELS, Label
from fauxto.core.records import Record, Score

Severity = Literal["blocking", "warning", "info"]
SEVERITIES: Final = ("blocking", "warning", "info")
"""Worst first."""

Strength = Literal["none", "weak", "strong", "given away"]
STRENGTHS: Final = ("none", "weak", "strong", "given away")
"""Mildest first."""

MAX_ROWS: Final = 200
"""Paths a finding names; every row concerned is in the Parquet table."""


class Finding(Record):
    """One thing wrong with a data set."""

    kind: str
    """Name for machines, for example ``duplicates.across_labels``; unique in an audit."""
    severity: Severity
    title: str
    """What was found, in one sentence."""
    count: Annotated[int, Field(ge=0)]
    """Images concerned."""
    rows: tuple[str, ...] = ()
    """Paths concerned, at most 200, in the order that shows the finding best."""
    evidence: dict[str, float] = Field(default_factory=dict)
    """Numbers behind the finding; all finite."""
    advice: str
    """What to do, in a sentence or two."""


class Rule(Record):
    """The best guess of the label from one fact, in words."""

    text: str
    """For example ``fake if width = height``."""
    balanced_accuracy: Score
    """Mean of both classes' recall on all images judged; 0.5 is chance."""
    coverage: Score
    """Share of the images for which the rule says fake."""


class Shortcut(Record):
    """How well the label is guessed from one family of facts, without the picture's content."""

    family: str
    """``container``, ``geometry``, ``colour``, ``thumbnail`` or ``name``."""
    title: str
    """The facts used, in words."""
    strength: Strength | None
    """Null where there are too few images to say; ``note`` tells why."""
    note: str
    """One sentence: what was measured, or why it was not."""
    images: int = 0
    """Images judged."""
    roc_auc: Score | None = None
    """Chance that a fake gets a higher out-of-fold score than a real; 0.5 is chance."""
    roc_auc_interval: tuple[Score, Score] | None = None
    """95 % bootstrap interval over groups."""
    balanced_accuracy: Score | None = None
    """At score 0.5, classes weighted equally."""
    balanced_accuracy_interval: tuple[Score, Score] | None = None
    p_value: Score | None = None
    """Chance of an AUC as far from 0.5 where facts and labels are unrelated."""
    features: dict[str, float] = Field(default_factory=dict)
    """AUC that each of the leading facts reaches alone, strongest first, folded to [0.5, 1]."""
    rule: Rule | None = None
    """The single best split."""
    examples: tuple[str, ...] = ()
    """Paths of the images whose label was guessed most surely, both classes."""


class Range(Record):
    """Average and ends of a quantity."""

    mean: float
    min: float
    max: float


class ClassStatistics(Record):
    """Counts and dimensions of one class."""

    label: Label
    files: int
    """Files found."""
    readable: int
    """Files with status ``ok``; the rest of the record describes these."""
    width: Range | None = None
    """Pixels."""
    height: Range | None = None
    """Pixels."""
    aspect: Range | None = None
    """Width divided by height."""
    square: Score | None = None
    """Share with width = height."""


class Count(Record):
    """Files of one class, split, source and generator together."""

    label: Label
    split: str | None
    source: str | None
    generator: str | None
    files: int
    readable: int
    """Files with status ``ok``."""


class AuditStatistics(Record):
    """The numbers of the report's chapter on the data (``statistics.json``)."""

    data: str
    """Folder or table that was audited."""
    layout: str
    """How it was understood, in words."""
    statuses: dict[str, int]
    """Files per status, most frequent first."""
    classes: tuple[ClassStatistics, ...]
    """Real, then fake."""
    counts: tuple[Count, ...] = ()
    """Every combination of class, split, source and generator that occurs, sorted."""


def describe_rows(
    kind: str,
    severity: Severity,
    rows: pl.DataFrame,
    *,
    title: str,
    advice: str,
    evidence: Mapping[str, float] = MappingProxyType({}),
) -> Finding:
    """Return a finding about some rows; evidence begins with their number in each class.

    Args:
        kind: see ``Finding``.
        severity: see ``Finding``.
        rows: the rows concerned, with ``path`` and ``label``, best example first.
        title: see ``Finding``.
        advice: see ``Finding``.
        evidence: further numbers.
    """
    classes = {label.value: int((rows["label"] == label.value).sum()) for label in LABELS}
    return Finding(
        kind=kind,
        severity=severity,
        title=title,
        count=rows.height,
        rows=tuple(rows["path"].head(MAX_ROWS)),
        evidence={**classes, **evidence},
        advice=advice,
    )


def count_words(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 image``, ``1,200 images``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
