"""The tables that verbs hand to each other: their columns, reading and writing."""

import io
from typing import Final

import polars as pl

from fauxto.core import storage
from fauxto.core.errors import ArtifactError
from fauxto.core.storage import Address

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


def read_images(path: Address) -> pl.DataFrame:
    """Return an ``images.parquet``; columns beyond ``IMAGE_SCHEMA`` are kept.

    Raises:
        ArtifactError: it does not exist, is damaged, or columns are missing or of another type.
    """
    return read_table(path, IMAGE_SCHEMA)


def read_table(path: Address, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return a Parquet table that holds at least the columns of ``schema``.

    Raises:
        ArtifactError: it does not exist, is damaged, or columns are missing or of another type.
    """
    frame = read_frame(path)
    wrong = [name for name, kind in schema.items() if frame.schema.get(name) != kind]
    if wrong:
        raise ArtifactError(
            f"{path} lacks or has other types in the columns {', '.join(wrong)}: "
            "write it again with this version of fauxto"
        )
    return frame


def read_frame(path: Address, columns: list[str] | None = None) -> pl.DataFrame:
    """Return a Parquet file, or some of its columns.

    Raises:
        ArtifactError: it does not exist or is damaged.
    """
    try:
        return pl.read_parquet(io.BytesIO(storage.read(path)), columns=columns)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(f"{path} cannot be read as Parquet: {reason}") from error


def write_table(path: Address, frame: pl.DataFrame | pl.LazyFrame) -> None:
    """Write a Parquet table atomically; a lazy frame is computed and written piece by piece.

    Raises:
        ArtifactError: the disk is full or the address cannot be written.
    """
    if isinstance(frame, pl.DataFrame):
        buffer = io.BytesIO()
        frame.write_parquet(buffer, row_group_size=ROW_GROUP)
        storage.write(path, buffer.getvalue())
        return
    with storage.atomic_path(path) as temporary:
        try:
            frame.sink_parquet(temporary, maintain_order=True, row_group_size=STREAMED_ROW_GROUP)
        except pl.exceptions.ComputeError as error:
            # polars does not raise OSError when the disk is full.
            raise ArtifactError(f"cannot write {path}: {error}") from error
