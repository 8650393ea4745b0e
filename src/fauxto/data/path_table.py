"""Tables of image paths that users bring: CSV, Parquet, JSON list or JSON lines."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from fauxto.core import storage
from fauxto.core.errors import DataError
from fauxto.core.labels import FOLDER_LABELS, FOLDER_SPLITS, Label
from fauxto.data.listing import ListedFile, Listing

_COLUMNS: Final = ("path", "label", "split", "source", "generator")


@dataclass(frozen=True)
class Origin:
    """Where an image came from; None where the table does not tell."""

    source: str | None
    generator: str | None


def read_listing(table: Path) -> Listing:
    """Return the files that a table of paths names.

    Paths may be absolute or relative to the table's folder.

    Raises:
        DataError: not a table, no rows, a column missing, an unknown label or split, or a path
            named twice.
    """
    frame = read_strings(table)
    for column in ("path", "label"):
        if column not in frame.columns:
            raise DataError(
                f"{table} has no column '{column}' (found: {', '.join(frame.columns)}): "
                "a table needs path,label and may have split,source,generator"
            )
    frame = frame.with_columns(
        pl.lit(None, pl.String).alias(name) for name in _COLUMNS if name not in frame.columns
    )
    frame = frame.with_columns(pl.col("label", "split").str.strip_chars().str.to_lowercase())
    _require_known(table, frame)
    full = [os.path.normpath(table.resolve().parent / path) for path in frame["path"]]
    root = table.resolve().parent
    if not all(path.startswith(f"{root}{os.sep}") for path in full):
        root = Path(os.path.commonpath([os.path.dirname(path) for path in full]))  # noqa: PTH120
    relative = [os.path.relpath(path, root).replace(os.sep, "/") for path in full]
    _require_unique(table, relative)
    files = tuple(
        ListedFile(
            path=path,
            label=FOLDER_LABELS[row["label"]],
            split=FOLDER_SPLITS[row["split"]] if row["split"] else None,
            source=row["source"],
            generator=row["generator"],
        )
        for path, row in zip(relative, frame.iter_rows(named=True), strict=True)
    )
    return Listing(root, f"table {table.name}, paths below {root}", files)


def read_origins(table: Path | str) -> dict[str, Origin]:
    """Return source and generator by path, from a table with a ``path`` column.

    Raises:
        DataError: it cannot be read; a table without the columns gives an empty mapping.
    """
    frame = read_strings(table)
    if "path" not in frame.columns or not {"source", "generator"} & set(frame.columns):
        return {}
    frame = frame.with_columns(
        pl.lit(None, pl.String).alias(name) for name in _COLUMNS if name not in frame.columns
    )
    rows = frame.drop_nulls("path").select("path", "source", "generator").iter_rows()
    return {path: Origin(source, generator) for path, source, generator in rows}


def read_licences(table: Path | str) -> dict[str, str]:
    """Return the licences of each source's images, from a table with a ``licence`` column.

    Several of one source are joined by semicolons; ``unknown`` where the table leaves some out.

    Raises:
        DataError: it cannot be read; a table without the columns gives an empty mapping.
    """
    frame = read_strings(table)
    if not {"source", "licence"} <= set(frame.columns):
        return {}
    found = (
        frame.drop_nulls("source")
        .with_columns(pl.col("licence").fill_null("unknown"))
        .group_by("source")
        .agg(pl.col("licence").unique().sort().str.join("; "))
        .sort("source")
    )
    return dict(found.select("source", "licence").iter_rows())


def read_strings(table: Path | str) -> pl.DataFrame:
    """Return a table as text, empty cells null; of JSON the columns that fauxto knows.

    Raises:
        DataError: it cannot be read.
    """
    suffix = Path(table).suffix.lower()
    readers: dict[str, Callable[[io.BytesIO], pl.DataFrame]] = {
        ".csv": _read_csv, ".parquet": pl.read_parquet, ".json": _read_json,
        ".jsonl": _read_json_lines, ".ndjson": _read_json_lines,
    }  # fmt: skip
    if suffix not in readers:
        raise DataError(f"{table} is not a table that fauxto reads: {', '.join(readers)}")
    try:
        frame = readers[suffix](io.BytesIO(storage.read(str(table))))
        frame = frame.with_columns(pl.col(frame.columns).cast(pl.String, strict=True))
    except (pl.exceptions.PolarsError, OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{table} cannot be read as a table: {reason}") from error
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _read_csv(table: io.BytesIO) -> pl.DataFrame:
    # A byte order mark, as spreadsheets write, is dropped by polars.
    return pl.read_csv(table, infer_schema=False)


def _read_json(table: io.BytesIO) -> pl.DataFrame:
    return _from_rows(json.load(table))


def _read_json_lines(table: io.BytesIO) -> pl.DataFrame:
    lines = table.getvalue().decode("utf-8").splitlines()
    return _from_rows([json.loads(line) for line in lines if line.strip()])


def _from_rows(rows: object) -> pl.DataFrame:
    if not isinstance(rows, list):
        raise TypeError("it is not a list of objects or paths")
    rows = [{"path": row} if isinstance(row, str) else row for row in rows]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("it is not a list of objects or paths")
    names = [name for name in _COLUMNS if any(name in row for row in rows)]
    columns = {
        name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in names
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def _require_known(table: Path, frame: pl.DataFrame) -> None:
    if frame["path"].null_count():
        raise DataError(f"{table} has {frame['path'].null_count()} rows without a path")
    unknown = sorted({str(label) for label in frame["label"]} - FOLDER_LABELS.keys())
    if unknown:
        raise DataError(
            f"{table} has the unknown labels {', '.join(unknown[:8])}: write {Label.REAL} or "
            f"{Label.FAKE} (numbers are not taken, since data sets differ on which is which)"
        )
    unknown = sorted(set(frame["split"].drop_nulls()) - FOLDER_SPLITS.keys())
    if unknown:
        raise DataError(
            f"{table} has the unknown splits {', '.join(unknown[:8])}: write train, val or test"
        )


def _require_unique(table: Path, paths: list[str]) -> None:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise DataError(f"{table} names {path} twice: keep one of the rows")
        seen.add(path)
