"""The pictures of a data set in WebDataset tar shards.

A shard holds up to ``rows_per_shard`` pictures of one split, ``real/NAME.png``, and beside each
``real/NAME.json``. Which pictures, and where in it, follows from the data set's table alone; so a
shard is the same, byte for byte, whoever writes it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from fauxto.core import storage
from fauxto.core.labels import Split
from fauxto.core.progress import Progress
from fauxto.data.prepared import PLACE_SCHEMA
from fauxto.data.shards import pack_tar, tar_span
from fauxto.data.table import read_frame, write_table
from fauxto.engine.part import Engine
from fauxto.engine.plan import Plan, read_listing
from fauxto.engine.spread import spread
from fauxto.prepare.standardise import CONTENT

MOST_ROWS: Final = 256
_MOST_PIXEL_BYTES: Final = 64 << 20
_LISTING: Final = "shards"
_TIMEOUT_S: Final = 600.0
_TOLD: Final = ("label", "split", "source", "generator", "original", "sha256")


def rows_per_shard(size_px: int) -> int:
    """Return how many pictures a shard has, so that they fit into little memory.

    >>> rows_per_shard(224), rows_per_shard(1024)
    (256, 21)
    """
    return max(1, min(MOST_ROWS, _MOST_PIXEL_BYTES // (3 * size_px**2)))


def deal(original: str) -> str:
    """Return by what pictures of a split are sorted into shards: a digest of the original's path.

    In the order of paths a shard would hold one class only, and who reads shard by shard would
    train on one class after the other.
    """
    return hashlib.sha256(original.encode("utf-8", "surrogateescape")).hexdigest()


def place_in_shards(table: pl.DataFrame, size_px: int) -> pl.DataFrame:
    """Return the table with the columns of ``PLACE_SCHEMA``, its rows as before.

    Args:
        table: of the data set, with ``original``.
        size_px: side of the pictures.
    """
    most = rows_per_shard(size_px)
    places: dict[str, tuple[str, int, int]] = {}
    for split in Split:
        rows = table.filter(pl.col("split") == split.value).iter_rows(named=True)
        end = 0
        for position, row in enumerate(sorted(rows, key=lambda row: deal(row["original"]))):
            number, first = divmod(position, most)
            start = end if first else 0
            header, sidecar = tar_span(0), len(_write_sidecar(row))
            places[row["path"]] = (f"{split}/{number:06d}.tar", start + header, row["bytes"])
            end = start + tar_span(row["bytes"]) + tar_span(sidecar)
    columns = zip(*(places[path] for path in table["path"]), strict=True)
    return table.with_columns(
        pl.Series(name, values, dtype=kind)
        for (name, kind), values in zip(PLACE_SCHEMA.items(), columns, strict=True)
    )


def write_shards(
    table: pl.DataFrame, made: Plan, out: str, size_px: int, engine: Engine, progress: Progress
) -> pl.DataFrame:
    """Write every shard of a data set that is not there yet; return the table with their places.

    Args:
        table: of the data set, with ``original``.
        made: the pictures, in parts with the column ``CONTENT``.
        out: folder of the data set.
        size_px: side of the pictures.
        engine: who writes; decides nothing but the time it takes.
        progress: told how many shards are there.

    Raises:
        ArtifactError: a shard cannot be written; the same call does the rest.
    """
    table = place_in_shards(table, size_px)
    parts = pl.concat(
        pl.DataFrame(
            {"original": [image.path for image in read_listing(made, number)], "part": part},
            schema={"original": pl.String, "part": pl.String},
        )
        for number, part in enumerate(made.parts())
    )
    rows = table.select("path", *_TOLD, *PLACE_SCHEMA).join(parts, on="original", how="left")
    shards = rows.sort("address", "offset").partition_by("address", maintain_order=True)
    folder = storage.join(made.folder, _LISTING)
    for number, shard in enumerate(shards):
        write_table(_name_listing(folder, number), shard)
    done = 0
    progress("shards", done, len(shards))
    for _ in spread(_Pack(folder, out), len(shards), engine, timeout_s=_TIMEOUT_S):
        done += 1
        progress("shards", done, len(shards))
    return table


@dataclass(frozen=True)
class _Pack:
    """Writes the shard of a number, as its listing says."""

    listing: str
    out: str

    def __call__(self, number: int) -> int:
        shard = read_frame(_name_listing(self.listing, number))
        target = storage.join(self.out, shard["address"][0])
        if not storage.exists(target):
            storage.write(target, pack_tar(_members(shard)))
        return number


def _members(shard: pl.DataFrame) -> Iterator[tuple[str, bytes]]:
    contents: dict[str, bytes] = {}
    for part in sorted(set(shard["part"])):
        made = read_frame(part, ["original", CONTENT])
        contents |= dict(made.join(shard, on="original", how="semi").iter_rows())
    for row in shard.iter_rows(named=True):
        folder, _, name = row["path"].partition("/")[2].rpartition("/")
        # What follows the first point is the ending, to those that read such shards.
        stem = f"{folder}/{name.removesuffix('.png').replace('.', '_')}"
        yield f"{stem}.png", contents[row["original"]]
        yield f"{stem}.json", _write_sidecar(row)


def _write_sidecar(row: Mapping[str, Any]) -> bytes:
    # Text in every field: readers take the type of a field from the first few samples.
    return json.dumps({name: row[name] or "" for name in _TOLD}).encode()


def _name_listing(folder: str, number: int) -> str:
    return storage.join(folder, f"{number:06d}.parquet")
