"""The verb: every file read and decoded once, then all checks on the table of facts.

Facts are written in parts while files are read, here or on a cluster. An audit that was killed
makes the parts that are not there and ends in the same tables. Its folder may be at any address.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from fauxto.audit.inspect_row import PART_SCHEMA, InspectRow, describe_lost
from fauxto.audit.records import Finding
from fauxto.core import storage
from fauxto.core.artifacts import (
    FINDINGS,
    IMAGES,
    FolderState,
    claim_folder,
    finish_folder,
    read_json,
)
from fauxto.core.choices import PART_ROWS
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.core.storage import Address
from fauxto.data.labelled import LabelledImages, list_labelled
from fauxto.data.table import read_images
from fauxto.engine.part import Engine, PartWork
from fauxto.engine.parts import run_parts
from fauxto.engine.plan import Plan, list_images, open_plan
from fauxto.imaging.decode import Limits
from fauxto.imaging.squares import Squares

PARTS_DIR: Final = "parts"
BLOCKS_DIR: Final = "near"
"""Inside the folder of parts: pictures by what near duplicates are told by."""
TIMEOUT_S: Final = 10.0
"""Seconds for one file."""
MEMORY_LIMIT_BYTES: Final = 3 << 30
"""Data of one worker: a picture at the pixel limit with alpha needs about 2.2 GB."""

_COPIED_AT_ONCE: Final = 8


@dataclass(frozen=True)
class AuditResult(Shown):
    """What an audit found.

    Attributes:
        out: its folder: a path on this machine, or a URL.
        images: one row a file, ``IMAGE_SCHEMA``.
        findings: worst first.
        reused: the folder already held this result.
    """

    out: Address
    images: pl.DataFrame
    findings: tuple[Finding, ...]
    reused: bool


def audit(  # noqa: PLR0913 - the command's options
    data: Path | str,
    *,
    out: Address,
    real: Sequence[Path] = (),
    fake: Sequence[Path] = (),
    max_pixels: int = 200_000_000,
    workers: int = 2,
    engine: Engine | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    squares: Squares | None = None,
) -> AuditResult:
    """Read every file once and say whether the data are fit to train on.

    Args:
        data: folder, prefix, table or shards, on disk or at a URL; see ``data.labelled``.
        out: folder for ``images.parquet``, ``thumbnails.parquet``, ``bad_files.txt``,
            ``statistics.json``, ``findings.json`` and ``index.html``, as a path or URL.
        real: folders of real images, where names do not tell.
        fake: folders of AI images, where names do not tell.
        max_pixels: larger images are not decoded.
        workers: processes.
        engine: who reads the files; default ``workers`` processes here.
        overwrite: replace an earlier result in ``out``.
        progress: told how many files are done.
        squares: where to keep pictures at a network's size for ``prepare``, from the same pass.

    Raises:
        DataError: the data cannot be understood, or hold one class only.
        ArtifactError: ``out`` is in the way or cannot be written.
    """
    data, out = str(data), storage.locate(out)
    listing = list_labelled(data, real=real, fake=fake)
    arguments = {
        "data": _resolve(data),
        "root": _resolve(listing.root),
        "files": _digest_listing(listing),
        "max_pixels": max_pixels,
    }
    claim = claim_folder(out, "audit", arguments, overwrite=overwrite, inputs=(data,))
    if claim.state is FolderState.DONE:
        storage.remove_folder(storage.join(out, PARTS_DIR))
        return _read_result(out)
    if claim.state is FolderState.RESUMED and isinstance(out, Path):
        _remove_strays(out)
    row = InspectRow(Limits(max_pixels=max_pixels), squares)
    engine = engine or Engine(workers=workers)
    with ThreadPoolExecutor(1) as aside:
        loading = aside.submit(_load_checks)
        plan = _inspect(listing, str(storage.join(out, PARTS_DIR)), row, engine, progress)
    progress("findings", 0, 1)
    near = storage.join(plan.folder, BLOCKS_DIR)  # at the address of the parts: all workers see it
    with _at_hand(out, plan) as (here, parts):
        images, findings = loading.result()(
            here, parts, data=data, kind=listing.kind, near=near, engine=engine, progress=progress
        )
    progress("findings", 1, 1)
    finish_folder(claim)
    storage.remove_folder(plan.folder)
    return AuditResult(out, images, findings, reused=False)


def _load_checks() -> Callable[..., tuple[pl.DataFrame, tuple[Finding, ...]]]:
    """Load the libraries of the checks, which takes a second, while the workers read."""
    from fauxto.audit.conclude import conclude  # noqa: PLC0415

    return conclude


def _resolve(address: str) -> str:
    return address if storage.is_url(address) else str(Path(address).resolve())


def _digest_listing(listing: LabelledImages) -> str:
    """Return a digest that changes when a file is added, removed, relabelled or written anew."""
    digest = hashlib.sha256()
    for image, version in zip(listing.images, listing.versions, strict=True):
        row = (image.path, image.label, image.split, image.source, image.generator, version)
        digest.update(repr(tuple(None if part is None else str(part) for part in row)).encode())
    return digest.hexdigest()


def _read_result(out: Address) -> AuditResult:
    found = read_json(storage.join(out, FINDINGS))["findings"]
    findings = tuple(Finding.model_validate(row) for row in found)
    return AuditResult(out, read_images(storage.join(out, IMAGES)), findings, reused=True)


def _remove_strays(out: Path) -> None:
    """Remove the temporary files of a run that was killed while it wrote."""
    for stray in (*out.glob(".*"), *(out / PARTS_DIR).rglob(".*")):
        stray.unlink(missing_ok=True)


def _inspect(
    listing: LabelledImages, parts: str, row: InspectRow, engine: Engine, progress: Progress
) -> Plan:
    """Write the parts that are not there yet."""
    arguments = {"max_pixels": row.limits.max_pixels}
    plan = open_plan(parts, "audit", arguments, part_rows=PART_ROWS)
    work = PartWork(
        list_images(plan, listing.images),
        function=row,
        on_lost=describe_lost,
        schema=PART_SCHEMA,
        timeout_s=TIMEOUT_S,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
    )
    return run_parts(work, engine, progress)


@contextmanager
def _at_hand(out: Address, plan: Plan) -> Iterator[tuple[Path, Plan]]:
    """Give a folder on this machine for the results, and the plan of the parts on this machine.

    The checks read columns of all parts, and of what they made of them, many times. What is at a
    URL is therefore copied once into the folder for temporary files, and the results are put at
    the URL when the block ends well.
    """
    if isinstance(out, Path):
        yield out, plan
        return
    with tempfile.TemporaryDirectory(prefix="fauxto-audit-") as name:
        here = Path(name)
        copied = replace(plan, folder=str(here / PARTS_DIR))
        files = map(Path, (*copied.parts(), *copied.listings()))
        with ThreadPoolExecutor(_COPIED_AT_ONCE) as pool:
            list(pool.map(storage.get, (*plan.parts(), *plan.listings()), files))
        yield here, copied
        for file in sorted(path for path in here.iterdir() if path.is_file()):
            storage.put(file, storage.join(out, file.name))
