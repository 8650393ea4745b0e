"""The tables that verbs hand to each other: their columns, reading and writing."""

from pathlib import Path
from typing import Final

import polars as pl

from fauxto.core.artifacts import atomic_path
from fauxto.core.errors import ArtifactError

ROW_GROUP: Final = 16_384
"""Rows of a Parquet file that are written, and can be read, at once."""
STREAMED_ROW_GROUP: Final = 2_048
"""The same where a lazy frame is written: several groups lie in memory."""

IMAGE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "path": pl.String(),
    "label": pl.String(),
    "split": pl.String(),
    "source": pl.String(),
    "generator": pl.String(),
    "group": pl.String(),
    "status": pl.String(),
    "error": pl.String(),
    "bytes": pl.Int64(),
    "sha256": pl.String(),
    "format": pl.String(),
    "mode": pl.String(),
    "width": pl.Int32(),
    "height": pl.Int32(),
    "aspect": pl.Float64(),
    "frames": pl.Int32(),
    "orientation": pl.Int32(),
    "jpeg_quality": pl.Int32(),
    "jpeg_subsampling": pl.String(),
    "has_alpha": pl.Boolean(),
    "has_exif": pl.Boolean(),
    "camera": pl.String(),
    "software": pl.String(),
    "has_c2pa": pl.Boolean(),
    "generator_hint": pl.String(),
    "phash": pl.UInt64(),
    "brightness": pl.Float64(),
    "contrast": pl.Float64(),
    "sharpness": pl.Float64(),
    "saturation": pl.Float64(),
}
"""Columns of ``images.parquet``, one row a file, sorted by ``path``; missing is null."""

PREDICTION_SCHEMA: Final[dict[str, pl.DataType]] = {
    "path": pl.String(),
    "label": pl.String(),
    "split": pl.String(),
    "source": pl.String(),
    "generator": pl.String(),
    "logit_real": pl.Float64(),
    "logit_fake": pl.Float64(),
    "score": pl.Float64(),
    "verdict": pl.String(),
    "error": pl.String(),
}
"""Columns of ``predictions.parquet``, one row an image; missing is null."""


def read_images(path: Path) -> pl.DataFrame:
    """Return an ``images.parquet``; columns beyond ``IMAGE_SCHEMA`` are kept.

    Raises:
        ArtifactError: it does not exist, is damaged, or columns are missing or of another type.
    """
    return read_table(path, IMAGE_SCHEMA)


def read_table(path: Path, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return a Parquet table that holds at least the columns of ``schema``.

    Raises:
        ArtifactError: it does not exist, is damaged, or columns are missing or of another type.
    """
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist")
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ArtifactError(f"{path} cannot be read as Parquet: {error}") from error
    wrong = [name for name, kind in schema.items() if frame.schema.get(name) != kind]
    if wrong:
        raise ArtifactError(
            f"{path} lacks or has other types in the columns {', '.join(wrong)}: "
            "write it again with this version of fauxto"
        )
    return frame


def write_table(path: Path, frame: pl.DataFrame | pl.LazyFrame) -> None:
    """Write a Parquet table atomically; a lazy frame is computed and written piece by piece.

    Raises:
        ArtifactError: the disk is full or the folder cannot be written.
    """
    with atomic_path(path) as temporary:
        try:
            if isinstance(frame, pl.LazyFrame):
                frame.sink_parquet(
                    temporary, maintain_order=True, row_group_size=STREAMED_ROW_GROUP
                )
            else:
                frame.write_parquet(temporary, row_group_size=ROW_GROUP)
        except pl.exceptions.ComputeError as error:
            # polars does not raise OSError when the disk is full.
            raise ArtifactError(f"cannot write {path}: {error}") from error
