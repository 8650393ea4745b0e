"""One image wherever its bytes lie: a file, a member of a tar shard, a row of a Parquet file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import polars as pl

from fauxto.core import storage
from fauxto.core.errors import FauxtoError, ImageStatus, UnreadableImage
from fauxto.core.labels import Label, Split
from fauxto.core.stores import polars_options
from fauxto.imaging.decode import Limits, read_bytes

_ROWS_READ: Final = 16
"""Rows of a Parquet file with images that are read, and kept, at once."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image and what its place says of it.

    Attributes:
        path: what tables call it.
        address: the file that holds its bytes, as a path or URL.
        offset: where they begin in a tar shard; which row of a Parquet file.
        length: how many bytes, in a tar shard.
        column: of the bytes, in a Parquet file.
        label: real or fake, where it is told.
        split: train, val or test, where it is told.
        source: where it was collected, where it is told.
        generator: which model made it, where it is told.
        sha256: of its bytes, where they were read before.
    """

    path: str
    address: str
    offset: int | None = None
    length: int | None = None
    column: str | None = None
    label: Label | None = None
    split: Split | None = None
    source: str | None = None
    generator: str | None = None
    sha256: str | None = None

    @property
    def place(self) -> str:
        """Return where its bytes are, in words."""
        return self.address if self.offset is None else f"{self.path} in {self.address}"


STORED_SCHEMA: Final[dict[str, pl.DataType]] = {
    "path": pl.String(),
    "address": pl.String(),
    "offset": pl.Int64(),
    "length": pl.Int64(),
    "column": pl.String(),
    "label": pl.String(),
    "split": pl.String(),
    "source": pl.String(),
    "generator": pl.String(),
    "sha256": pl.String(),
}
"""Columns of a listing, one row an image."""


Find = Callable[[Iterable[str]], list[StoredImage]]
"""Tells where the images are that a table names by ``path``, in the order asked for."""


def read_image(image: StoredImage, limits: Limits) -> bytes:
    """Return an image's bytes.

    Raises:
        UnreadableImage: it is missing, empty, too large, cut short, or cannot be read.
    """
    whole = image.offset is None
    if whole and not storage.is_url(image.address):
        return read_bytes(Path(image.address), limits)
    if image.length is not None:
        _check_size(image.length, limits)
    try:
        if image.column is not None and image.offset is not None:
            content = _read_row(image.address, image.column, image.offset)
        else:
            content = storage.read(image.address, image.offset, image.length)
    except UnreadableImage:
        raise
    except FauxtoError as error:
        raise UnreadableImage(ImageStatus.UNREADABLE, str(error)) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        message = f"cannot be read: {reason.splitlines()[0]}"
        raise UnreadableImage(ImageStatus.UNREADABLE, message) from error
    _check_size(len(content), limits)
    if not content:
        raise UnreadableImage(ImageStatus.EMPTY, "the file has no bytes")
    return content


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise UnreadableImage(
            ImageStatus.TOO_LARGE, f"{size} bytes are more than the limit of {limits.max_bytes}"
        )


def _read_row(address: str, column: str, row: int) -> bytes:
    start = row // _ROWS_READ * _ROWS_READ
    content = _read_rows(address, column, start)[row - start]
    if content is None:
        raise UnreadableImage(ImageStatus.EMPTY, "the row has no bytes")
    return content


@lru_cache(maxsize=2)
def _read_rows(address: str, column: str, start: int) -> list[bytes | None]:
    """Return the bytes of some rows; neighbours are asked for next, by the same process."""
    name, _, field = column.partition(".")
    values = scan_parquet(address).select(name).slice(start, _ROWS_READ).collect()[name]
    return (values.struct.field(field) if field else values).to_list()


def scan_parquet(address: str) -> pl.LazyFrame:
    """Return a Parquet file as a lazy frame, from disk or by ranged reads from an object store."""
    if not storage.is_url(address):
        return pl.scan_parquet(address)
    return pl.scan_parquet(address, storage_options=polars_options())
