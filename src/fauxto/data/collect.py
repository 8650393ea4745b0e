"""Every kind of input as one stream of images: folders, prefixes, tables of paths, shards."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.core import storage
from fauxto.core.errors import DataError
from fauxto.data.layout import IMAGE_SUFFIXES
from fauxto.data.path_table import read_strings
from fauxto.data.shards import (
    image_column,
    iterate_parquet,
    iterate_tar,
    read_names,
    read_told,
)
from fauxto.data.stored import StoredImage, scan_parquet

TABLE_SUFFIXES: Final = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")
_ROWS: Final = 65_536


def collect(addresses: Iterable[str]) -> Iterator[StoredImage]:
    """Yield every image that the addresses name, in a fixed order, reading names only.

    Args:
        addresses: folders or prefixes (pictures and shards in them, sorted folder by folder), tar
            shards, Parquet files with images, tables with a ``path`` column (paths relative to the
            table, or URLs), or single pictures; on disk or at a URL.

    Raises:
        DataError: while iterating: an address does not exist, holds no image, or is damaged.
        MissingExtra: what opens such an address is not installed.
    """
    for address in addresses:
        images: Iterator[StoredImage]
        if storage.is_folder(address):
            images = chain.from_iterable(
                _from_file(file.address) for file in storage.walk(address) if is_input(file.address)
            )
        elif suffix_of(address) in TABLE_SUFFIXES or suffix_of(address) == ".tar":
            _require(address)
            images = _from_file(address, named=True)
        else:
            # A picture that is missing is a row with its error, as among a million others.
            images = iter([_single(address)])
        first = next(images, None)
        if first is None:
            raise DataError(
                f"{address} holds no picture: expected files with a picture's ending, .tar shards, "
                "or .parquet files with a column of image bytes"
            )
        yield from chain([first], images)


def suffix_of(address: str) -> str:
    """Return the ending of an address's last part, in lower case.

    >>> suffix_of("s3://bucket/shard-000.TAR")
    '.tar'
    """
    return Path(address.rpartition("/")[2]).suffix.lower()


def is_input(address: str) -> bool:
    """Return whether a file in a folder is a picture or may hold pictures."""
    return suffix_of(address) in IMAGE_SUFFIXES or suffix_of(address) in (".tar", ".parquet")


def _require(address: str) -> None:
    try:
        found = storage.exists(address)
    except OSError as error:
        raise DataError(f"{address} cannot be opened: {error.strerror}") from error
    if not found:
        raise DataError(f"{address} does not exist: name a folder, a shard or a table of paths")


def _from_file(address: str, *, named: bool = False) -> Iterator[StoredImage]:
    suffix = suffix_of(address)
    if suffix == ".tar":
        return iterate_tar(address)
    if suffix == ".parquet" and (column := image_column(address)):
        return iterate_parquet(address, column)
    if suffix in TABLE_SUFFIXES:
        # A table of facts that lies among pictures is no input; one that was named must be one.
        return _from_table(address) if named else iter(())
    return iter([_single(address)])


def _single(address: str) -> StoredImage:
    told = read_names(address.split("/")[:-1])
    return StoredImage(address, address, label=told.label, split=told.split)


def _from_table(table: str) -> Iterator[StoredImage]:
    folder = table.rpartition("/")[0]
    for number, row in enumerate(_rows(table), start=1):
        path = str(row.get("path") or "")
        if not path:
            raise DataError(f"{table}, row {number}: there is no path")
        outside = storage.is_url(path) or path.startswith("/") or not folder
        address = path if outside else storage.join(folder, path)
        told = read_told(row, f"{table}, row {number},")
        yield StoredImage(
            address,
            address,
            label=told.label,
            split=told.split,
            source=told.source,
            generator=told.generator,
        )


def _rows(table: str) -> Iterator[dict[str, Any]]:
    if suffix_of(table) == ".parquet":
        yield from _parquet_rows(table)
        return
    frame = read_strings(table)
    _require_path(table, frame.columns)
    yield from frame.iter_rows(named=True)


def _parquet_rows(table: str) -> Iterator[dict[str, Any]]:
    lazy = scan_parquet(table)
    names = lazy.collect_schema().names()
    _require_path(table, names)
    known = [n for n in ("path", "label", "split", "source", "generator") if n in names]
    total = lazy.select(pl.len()).collect().item()
    for start in range(0, total, _ROWS):
        yield from lazy.select(known).slice(start, _ROWS).collect().iter_rows(named=True)


def _require_path(table: str, names: list[str]) -> None:
    if "path" not in names:
        raise DataError(
            f"{table} has no column 'path' (found: {', '.join(names)}) and no column of image bytes"
        )
