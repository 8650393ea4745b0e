"""Whether a test image comes from where training images came from."""

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from fauxto.core.records import DataSummary
from fauxto.metrics.parts import SEEN, UNSEEN, Part, measure_part


def was_seen(scored: pl.DataFrame, data: DataSummary) -> list[bool | None]:
    """Return for each row whether its source and generator, where known, occur in training.

    Args:
        scored: columns ``source`` and ``generator``; null where not known or not applicable.
        data: what the run was trained on.

    Returns:
        None where neither is known of the row, or of any training image.
    """
    known = [
        (column, set(counts))
        for column, counts in (("source", data.sources), ("generator", data.generators))
        if counts
    ]
    answers: list[bool | None] = []
    for row in scored.select("source", "generator").iter_rows(named=True):
        checks = [row[column] in names for column, names in known if row[column] is not None]
        answers.append(all(checks) if checks else None)
    return answers


def measure_seen(
    scored: pl.DataFrame,
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    threshold: float,
    data: DataSummary,
) -> tuple[Part, ...]:
    """Return the metrics of images like those of training, and of the others; of each if any.

    A part without reals (or without fakes) of its own is measured against all reals (fakes) of
    the split: a generator that was held out has no reals.

    Args:
        scored: predictions without error.
        labels: of the same rows, 0 real, 1 fake.
        scores: of the same rows, in [0, 1], 1 is fake.
        threshold: score at or above which the verdict is fake.
        data: what the run was trained on.
    """
    answers = was_seen(scored, data)
    groups = scored["group"].to_list()
    parts = []
    for name, wanted in ((SEEN, True), (UNSEEN, False)):
        rows = np.array([answer is wanted for answer in answers], dtype=bool)
        if rows.any():
            chosen = np.flatnonzero(complete_classes(rows, labels))
            parts.append(
                measure_part(
                    name,
                    labels[chosen],
                    scores[chosen],
                    threshold,
                    groups=[groups[row] for row in chosen],
                )
            )
    return tuple(parts)


def complete_classes(
    rows: Bool[np.ndarray, " n"], labels: Int[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Return the rows, with all rows of a class where they have none of it."""
    completed = rows.copy()
    for label in (0, 1):
        if not np.any(rows & (labels == label)):
            completed |= labels == label
    return completed
