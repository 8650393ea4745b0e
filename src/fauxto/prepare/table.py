"""The tables of a prepared data set: what was made, counted, and what was left out."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from fauxto.core.errors import DataError, ImageStatus
from fauxto.core.labels import LABELS, Split
from fauxto.data.table import IMAGE_SCHEMA
from fauxto.prepare.standardise import Outcome, place_picture

_NOT_OF_PNG = (
    "orientation", "jpeg_quality", "jpeg_subsampling", "camera", "software", "generator_hint",
)  # fmt: skip


def tabulate(planned: pl.DataFrame, outcomes: Sequence[Outcome], size_px: int) -> pl.DataFrame:
    """Return ``images.parquet`` of the pictures made: their own facts, the original's origin.

    Args:
        planned: rows of the audit, with their split.
        outcomes: what became of each row.
        size_px: side of the pictures.
    """
    places = planned.select("split", "label", "path").iter_rows()
    made = planned.with_columns(
        original=pl.col("path"),
        path=pl.Series([place_picture(*place) for place in places], dtype=pl.String),
        status=pl.Series([outcome.status.value for outcome in outcomes], dtype=pl.String),
        bytes=pl.Series([outcome.bytes for outcome in outcomes], dtype=pl.Int64),
        sha256=pl.Series([outcome.sha256 for outcome in outcomes], dtype=pl.String),
        format=pl.lit("PNG"),
        mode=pl.lit("RGB"),
        width=pl.lit(size_px, pl.Int32),
        height=pl.lit(size_px, pl.Int32),
        aspect=pl.lit(1.0),
        frames=pl.lit(1, pl.Int32),
        has_alpha=pl.lit(value=False),
        has_exif=pl.lit(value=False),
        has_c2pa=pl.lit(value=False),
        **{name: pl.lit(None, IMAGE_SCHEMA[name]) for name in _NOT_OF_PNG},
    )
    return (
        made.filter(pl.col("status") == ImageStatus.OK.value)
        .select(*IMAGE_SCHEMA, "original")
        .sort("path")
    )


def list_failed(planned: pl.DataFrame, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return path, label, status and error of rows that the audit could read and prepare not."""
    return [
        {"path": outcome.original, "label": label, "status": outcome.status.value,
         "error": outcome.error}
        for outcome, label in zip(outcomes, planned["label"], strict=True)
        if outcome.status is not ImageStatus.OK
    ]  # fmt: skip


def count(table: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return the number of rows by split and label, zeros included."""
    return {
        split.value: {
            label.value: table.filter(
                pl.col("split") == split.value, pl.col("label") == label.value
            ).height
            for label in LABELS
        }
        for split in Split
    }


def require_both_labels(table: pl.DataFrame, advice: str) -> None:
    """Check that every split has pictures of both labels.

    Raises:
        DataError: one has not; the message ends in ``advice``.
    """
    for split, counts in count(table).items():
        for label, n in counts.items():
            if n == 0:
                raise DataError(f"no {label} picture is left for split '{split}': {advice}")
