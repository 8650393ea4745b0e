"""Tables of paths, read row by row with the standard library; Parquet with an extra."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

from fauxto.core.errors import DataError, MissingExtra

TABLE_SUFFIXES: Final = frozenset((".csv", ".parquet", ".json", ".jsonl", ".ndjson"))
"""Endings of tables of paths."""

_COLUMN: Final = "path"


def iterate_paths(table: Path) -> Iterator[str]:
    """Return the ``path`` column of a table, as written there; empty cells are left out.

    Args:
        table: CSV with a heading, Parquet, a JSON list of objects or of paths, or JSON Lines.

    Raises:
        DataError: it cannot be read, has no such column or no path; at once where the beginning
            shows it, else while iterating.
        MissingExtra: a Parquet table, and what reads it is not installed.
    """
    readers = {".csv": _iterate_csv, ".parquet": _iterate_parquet, ".json": _iterate_json}
    paths = filter(None, readers.get(table.suffix.lower(), _iterate_json_lines)(table))
    first = next(paths, None)
    if first is None:
        raise DataError(f"{table} names no path")
    return chain([first], paths)


@contextmanager
def _read_errors(table: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{table} cannot be read as a table: {reason}") from error


def _iterate_csv(table: Path) -> Iterator[str | None]:
    # The byte order mark that spreadsheets write is dropped by this encoding.
    with _read_errors(table), table.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        if _COLUMN not in (rows.fieldnames or ()):
            raise _no_column(table, rows.fieldnames or ())
        for row in rows:
            yield row[_COLUMN]


def _iterate_json_lines(table: Path) -> Iterator[str | None]:
    with _read_errors(table), table.open(encoding="utf-8") as stream:
        for line in stream:
            if line.strip():
                yield _path_of(json.loads(line), table)


def _iterate_json(table: Path) -> Iterator[str | None]:
    with _read_errors(table):
        rows = json.loads(table.read_text("utf-8"))
        if not isinstance(rows, list):
            raise DataError(f"{table} is not a JSON list (JSON Lines end in .jsonl)")
        for row in rows:
            yield _path_of(row, table)


def _iterate_parquet(table: Path) -> Iterator[str | None]:
    try:
        # The one door to polars: all other inputs must be read where it is not installed.
        from fauxto.predict.parquet import iterate_column  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the Parquet table {table}", "audit") from error
    yield from iterate_column(table, _COLUMN)


def _path_of(row: object, table: Path) -> str | None:
    if isinstance(row, str):
        return row
    if not isinstance(row, dict):
        raise DataError(f"{table} holds {type(row).__name__} where a path or an object should be")
    if _COLUMN not in row:
        raise _no_column(table, row)
    return None if row[_COLUMN] is None else str(row[_COLUMN])


def _no_column(table: Path, found: object) -> DataError:
    names = ", ".join(map(str, found)) if isinstance(found, dict | list | tuple) else found
    return DataError(f"{table} has no column '{_COLUMN}' (found: {names})")
