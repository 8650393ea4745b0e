"""Every picture of a data set, made by processes here or on a cluster, and what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.core import storage
from fauxto.core.choices import PART_ROWS, Match
from fauxto.core.errors import ArtifactError, ImageStatus
from fauxto.core.labels import Label, Split
from fauxto.core.progress import Progress
from fauxto.core.recipe import PrepareOptions
from fauxto.core.storage import Address
from fauxto.core.stores import OBJECT_STORES
from fauxto.data.labelled import is_plain, list_labelled
from fauxto.data.stored import StoredImage, scan_parquet
from fauxto.data.table import read_frame
from fauxto.engine.part import Engine, PartWork
from fauxto.engine.parts import run_parts
from fauxto.engine.plan import Plan, list_images, open_plan
from fauxto.imaging.decode import Limits
from fauxto.imaging.squares import Squares
from fauxto.prepare.shards import deal, rows_per_shard
from fauxto.prepare.standardise import OUTCOME_SCHEMA, Outcome, StandardiseRow

PARTS_DIR: Final = "parts"
TIMEOUT_S: Final = 60.0
MEMORY_LIMIT_BYTES: Final = 3 << 30


@dataclass(frozen=True)
class Source:
    """What was audited.

    Attributes:
        data: folder, table, shards or URL.
        root: where the audit's paths begin.
        max_pixels: of a file; larger ones are not decoded.
        squares: folder where the audit kept pictures at the size of the data set.
    """

    data: str
    root: str
    max_pixels: int
    squares: Path | None = None


@dataclass(frozen=True)
class Made:
    """Pictures that were made.

    Attributes:
        parts: the work; with ``shards`` it holds the pictures.
        outcomes: what became of each row, in the order of the rows.
    """

    parts: Plan
    outcomes: list[Outcome]


def make_pictures(
    source: Source,
    rows: pl.DataFrame,
    out: Address,
    options: PrepareOptions,
    arguments: Mapping[str, Any],
    engine: Engine,
    progress: Progress,
) -> Made:
    """Make the picture of every row, or find it made by an interrupted call.

    Args:
        source: what was audited.
        rows: of the audit, with their split, sorted by path.
        out: folder of the data set.
        options: size, fit, what to match, and whether pictures become files or stay in parts.
        arguments: of the call; parts of others are refused.
        engine: who does it; decides nothing but the time it takes.
        progress: told how many pictures are done.

    Raises:
        ArtifactError: pictures or parts cannot be written, or parts not read.
    """
    images = _find_images(source, rows)
    if options.shards:  # a shard's pictures then lie together
        images.sort(key=lambda image: (str(image.split), deal(image.path)))
    row = StandardiseRow(
        None if options.shards else Path(out),
        options.preprocess,
        Limits(max_pixels=source.max_pixels),
        options.seed if Match.CONTAINER in options.match else None,
        Squares(source.squares, options.preprocess) if source.squares else None,
    )
    folder = storage.join(str(out), PARTS_DIR)
    part_rows = rows_per_shard(options.size_px) if options.shards else PART_ROWS
    plan = list_images(open_plan(folder, "prepare", arguments, part_rows=part_rows), images)
    work = PartWork(
        plan,
        function=row,
        on_lost=row.lose,
        schema=row.schema,
        timeout_s=TIMEOUT_S,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
    )
    done = run_parts(work, engine, progress)
    outcomes = {outcome.original: outcome for part in done.parts() for outcome in _read(part)}
    return Made(done, [outcomes[path] for path in rows["path"]])


def _find_images(source: Source, rows: pl.DataFrame) -> list[StoredImage]:
    """Return where the bytes of the rows are, in their order, with the split that they are for."""
    stored = {}
    if not is_plain(source.data):
        stored = {one.path: one for one in list_labelled(source.data).images}
    images = []
    for row in rows.select("path", "label", "split", "sha256").iter_rows(named=True):
        path = row["path"]
        at = stored.get(path, StoredImage(path, storage.join(source.root, path)))
        label, split = Label(row["label"]), Split(row["split"])
        images.append(replace(at, label=label, split=split, sha256=row["sha256"]))
    return images


def _read(part: str) -> list[Outcome]:
    """Return what a part says of its pictures, without the pictures that it may hold."""
    try:
        if storage.is_url(part) and part.partition("://")[0] not in OBJECT_STORES:
            rows = read_frame(part, list(OUTCOME_SCHEMA))  # polars opens no others
        else:
            rows = scan_parquet(part).select(*OUTCOME_SCHEMA).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{part} cannot be read as Parquet: {reason}") from error
    return [
        Outcome(**{**row, "status": ImageStatus(row["status"])})
        for row in rows.iter_rows(named=True)
    ]
