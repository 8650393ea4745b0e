"""Parquet tables of paths in and of predictions out; the only module of the room with polars."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from fauxto.core.errors import ArtifactError, DataError
from fauxto.core.storage import atomic_path

_ROWS_AT_ONCE: Final = 100_000

_NUMBERS: Final = ("score", "threshold", "unsure_low", "unsure_high")


def iterate_column(table: Path, column: str) -> Iterator[str | None]:
    """Yield a column as text, piece by piece.

    Raises:
        DataError: it cannot be read, or has no such column.
    """
    try:
        lazy = pl.scan_parquet(table)
        names = lazy.collect_schema().names()
        if column not in names:
            raise DataError(f"{table} has no column '{column}' (found: {', '.join(names)})")
        start = 0
        while True:
            piece = lazy.select(pl.col(column).cast(pl.String)).slice(start, _ROWS_AT_ONCE)
            values = piece.collect().to_series()
            yield from values
            if len(values) < _ROWS_AT_ONCE:
                return
            start += _ROWS_AT_ONCE
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{table} cannot be read as a table: {reason}") from error


def write_parquet(
    out: Path, columns: Sequence[str], rows: Iterable[dict[str, str | float | None]]
) -> None:
    """Write rows atomically, in their order; memory stays flat.

    Raises:
        ArtifactError: the disk is full or the folder cannot be written.
    """
    with atomic_path(out) as temporary:
        lines = temporary.with_suffix(".jsonl")
        try:
            with lines.open("w", encoding="utf-8") as stream:
                for row in rows:
                    stream.write(json.dumps(row) + "\n")
            schema = {name: pl.Float64 if name in _NUMBERS else pl.String for name in columns}
            lazy = pl.scan_ndjson(lines, schema=schema)
            lazy.sink_parquet(temporary, maintain_order=True)
        except pl.exceptions.ComputeError as error:
            # polars does not raise OSError when the disk is full.
            raise ArtifactError(f"cannot write {out}: {error}") from error
        finally:
            lines.unlink(missing_ok=True)
