"""Tables of predictions: made from logits, or brought along from any other detector."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fauxto.core.errors import DataError
from fauxto.core.labels import FOLDER_LABELS, Label
from fauxto.core.records import ModelCard
from fauxto.data.table import PREDICTION_SCHEMA
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.threshold import verdicts

FACTS: Final = {
    "group": pl.String(),
    "sha256": pl.String(),
    "format": pl.String(),
    "width": pl.Int32(),
    "height": pl.Int32(),
    "jpeg_quality": pl.Int32(),
    "brightness": pl.Float64(),
    "contrast": pl.Float64(),
    "sharpness": pl.Float64(),
    "saturation": pl.Float64(),
}
"""Columns of the image table that predictions keep, for intervals, slices and comparison."""

_OF_THE_FILE: Final = ("format", "width", "height", "jpeg_quality")

_FOREIGN_LABELS: Final = {**FOLDER_LABELS, "0": Label.REAL, "1": Label.FAKE}


def with_original_facts(rows: pl.DataFrame, originals: pl.DataFrame | None) -> pl.DataFrame:
    """Return prepared rows with the format, size and quality that their files had before.

    Args:
        rows: of a prepared data set; its pictures all have one format and size.
        originals: facts of the audited files, or None: then these facts are not known.
    """
    if originals is None:
        return rows.with_columns(pl.lit(None, FACTS[name]).alias(name) for name in _OF_THE_FILE)
    facts = originals.select(pl.col("path").alias("original"), *_OF_THE_FILE)
    return rows.drop(_OF_THE_FILE).join(facts, on="original", how="left").sort("path")


def with_columns_of(rows: pl.DataFrame, table: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return rows with the columns of another table that they lack, and the names of these.

    Args:
        rows: of a prepared data set, with the column ``original``.
        table: CSV or Parquet whose ``path`` names the original files.

    Raises:
        DataError: not such a table, or no path in it is one of the data.
    """
    more = _read(table)
    if "path" not in more.columns:
        raise DataError(f"{table} has no column path (found: {', '.join(more.columns)})")
    more = more.with_columns(original=pl.col("path").cast(pl.String)).unique("original")
    names = tuple(name for name in more.columns if name not in (*rows.columns, *PREDICTION_SCHEMA))
    if rows.join(more, on="original", how="semi").is_empty():
        raise DataError(
            f"no path in {table} is one of these images, for example {rows['original'][0]}"
        )
    joined = rows.join(more.select("original", *names), on="original", how="left")
    return joined.sort("path"), names


def build_predictions(
    images: pl.DataFrame,
    logits: Float[np.ndarray, "n 2"],
    errors: dict[int, str],
    card: ModelCard,
    *,
    more: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the predictions of a run, one row an image, sorted by path.

    Args:
        images: rows of ``images.parquet``.
        logits: the network's outputs in the order real, fake; NaN in rows with an error.
        errors: why a row has no score, by position.
        card: of the run; its temperature, threshold and band are used as they are.
        more: further columns of ``images`` to keep.
    """
    logits = logits.copy()
    logits[list(errors)] = 0.0  # left out below
    scores = fake_score(logits, card.temperature)
    readable = [index not in errors for index in range(len(images))]
    said = verdicts(scores, card.threshold, card.unsure_band)
    columns = [
        pl.Series("logit_real", logits[:, 0].astype(np.float64)),
        pl.Series("logit_fake", logits[:, 1].astype(np.float64)),
        pl.Series("score", scores),
        pl.Series("verdict", [str(verdict) for verdict in said], dtype=pl.String),
    ]
    known = pl.Series("readable", readable, dtype=pl.Boolean)
    return (
        images.drop("error")
        .with_columns(pl.when(known).then(column).alias(column.name) for column in columns)
        .with_columns(
            pl.Series("error", [errors.get(i) for i in range(len(images))], dtype=pl.String)
        )
        .select(*PREDICTION_SCHEMA, *FACTS, *more)
        .sort("path")
    )


def read_foreign(table: Path, threshold: float) -> pl.DataFrame:
    """Return another detector's scores as predictions; columns beyond the schema are kept.

    Args:
        table: CSV or Parquet with ``path,label,score`` and, if wanted, ``split``, ``source``,
            ``generator``, ``group`` and any other column. Labels are real and fake, in one of
            the words that folders may use, or 0 and 1; a score in [0, 1] is higher for fakes; a
            row without a score counts as an error.
        threshold: score at or above which the verdict is fake.

    Raises:
        DataError: not such a table.
    """
    return complete_foreign(_read(table), threshold, where=str(table))


def complete_foreign(frame: pl.DataFrame, threshold: float, *, where: str) -> pl.DataFrame:
    """Return scores as predictions, sorted by path; see ``read_foreign``.

    Args:
        frame: with at least the columns ``path``, ``label`` and ``score``.
        threshold: score at or above which the verdict is fake.
        where: what the frame was read from, for messages.

    Raises:
        DataError: a column is missing, or a row cannot be understood.
    """
    missing = [name for name in ("path", "label", "score") if name not in frame.columns]
    if missing:
        raise DataError(
            f"{where} has no column {', '.join(missing)} (found: {', '.join(frame.columns)}): "
            "a table of scores needs path,label,score"
        )
    frame = frame.with_columns(
        pl.col("path").cast(pl.String),
        pl.col("label").cast(pl.String).str.strip_chars().str.to_lowercase(),
    )
    _check_rows(where, frame)
    for name, kind in {**PREDICTION_SCHEMA, "group": pl.String()}.items():
        column = (
            pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        )
        frame = frame.with_columns(column)
    unscored = pl.col("score").is_null()
    called = pl.when(pl.col("score") >= threshold).then(pl.lit("fake")).otherwise(pl.lit("real"))
    return frame.with_columns(
        pl.col("label").replace_strict(_FOREIGN_LABELS, return_dtype=pl.String),
        pl.when(~unscored).then(called).alias("verdict"),
        pl.when(unscored)
        .then(pl.coalesce("error", pl.lit("the table gives no score")))
        .alias("error"),
    ).sort("path")


def _read(table: Path) -> pl.DataFrame:
    if not table.is_file():
        raise DataError(f"{table} does not exist")
    try:
        if table.suffix.lower() == ".parquet":
            return pl.read_parquet(table)
        if table.suffix.lower() == ".csv":
            return pl.read_csv(table, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{table} cannot be read as a table: {error}") from error
    raise DataError(f"{table} is neither .csv nor .parquet")


def _check_rows(where: str, frame: pl.DataFrame) -> None:
    if frame.is_empty():
        raise DataError(f"{where} has no rows")
    if not (frame["score"].dtype.is_numeric() or frame["score"].is_null().all()):
        raise DataError(f"{where}: the column score holds something that is not a number")
    outside = frame.filter(~pl.col("score").cast(pl.Float64).is_between(0, 1))
    if len(outside):
        raise DataError(
            f"{where}: {len(outside)} scores lie outside 0 to 1, first {outside['score'][0]} for "
            f"{outside['path'][0]}: give the probability of fake"
        )
    unknown = frame.filter(~pl.col("label").is_in(list(_FOREIGN_LABELS)).fill_null(value=False))
    if len(unknown):
        raise DataError(
            f"{where}: label {unknown['label'][0]!r} of {unknown['path'][0]} is unknown; "
            f"known are {', '.join(_FOREIGN_LABELS)}"
        )
    repeated = frame.filter(pl.col("path").is_duplicated())
    if len(repeated):
        raise DataError(f"{where} names {repeated['path'][0]} more than once")


def label_numbers(frame: pl.DataFrame) -> Int[np.ndarray, " n"]:
    """Return the label of each row as a number, 0 real and 1 fake."""
    return (frame["label"] == Label.FAKE).to_numpy().astype(np.int64)


def digest_images(frame: pl.DataFrame) -> str:
    """Return 64 hexadecimal digits that depend on which images were asked for, in any order."""
    contents = frame["sha256"] if "sha256" in frame.columns else [None] * len(frame)
    rows = sorted(zip(frame["path"], frame["label"], (c or "" for c in contents), strict=True))
    text = "\n".join("\t".join(row) for row in rows)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
