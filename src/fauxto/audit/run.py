"""The verb: every file read and decoded once, then all checks on the table of facts.

Facts are written in parts while files are read. An audit that was killed goes on behind the last
whole part and ends in the same tables.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.audit.records import Finding
from fauxto.audit.tables import THUMBNAIL_SCHEMA
from fauxto.core.artifacts import (
    FINDINGS,
    IMAGES,
    FolderState,
    claim_folder,
    finish_folder,
    read_json,
)
from fauxto.core.errors import ImageStatus
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.data.layout import ListedFile, Listing, recognise
from fauxto.data.table import IMAGE_SCHEMA, read_images, write_table
from fauxto.engine.local import map_rows
from fauxto.imaging.decode import Limits
from fauxto.imaging.inspect import ImageFacts, inspect_file
from fauxto.imaging.squares import Squares

PARTS_DIR: Final = "parts"
PART_ROWS: Final = 2048
TIMEOUT_S: Final = 10.0
"""Seconds for one file."""
MEMORY_LIMIT_BYTES: Final = 3 << 30
"""Data of one worker: a picture at the pixel limit with alpha needs about 2.2 GB."""

_LISTED: Final = ("path", "label", "split", "source", "generator")
_PART_SCHEMA: Final[dict[str, pl.DataType]] = {
    **IMAGE_SCHEMA,
    **{name: kind for name, kind in THUMBNAIL_SCHEMA.items() if name != "path"},
}


@dataclass(frozen=True)
class AuditResult(Shown):
    """What an audit found.

    Attributes:
        out: its folder.
        images: one row a file, ``IMAGE_SCHEMA``.
        findings: worst first.
        reused: the folder already held this result.
    """

    out: Path
    images: pl.DataFrame
    findings: tuple[Finding, ...]
    reused: bool


class _Paths(Sequence[Path]):
    """Full paths of listed files, made when asked for: a data set may have millions."""

    def __init__(self, root: Path, files: Sequence[ListedFile]) -> None:
        self.root = root
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - Sequence's two overloads
        return self.root / self.files[index].path


def audit(  # noqa: PLR0913 - the command's options
    data: Path,
    *,
    out: Path,
    real: Sequence[Path] = (),
    fake: Sequence[Path] = (),
    max_pixels: int = 200_000_000,
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
    squares: Squares | None = None,
) -> AuditResult:
    """Read every file once and say whether the data are fit to train on.

    Args:
        data: folder or table; see ``data.layout.recognise``.
        out: folder for ``images.parquet``, ``thumbnails.parquet``, ``bad_files.txt``,
            ``statistics.json``, ``findings.json`` and ``index.html``.
        real: folders of real images, where names do not tell.
        fake: folders of AI images, where names do not tell.
        max_pixels: larger images are not decoded.
        workers: processes.
        overwrite: replace an earlier result in ``out``.
        progress: told how many files are done.
        squares: where to keep pictures at a network's size for ``prepare``, from the same pass.

    Raises:
        DataError: the data cannot be understood, or hold one class only.
        ArtifactError: ``out`` is in the way or cannot be written.
    """
    listing = recognise(data, real=real, fake=fake)
    arguments = {
        "data": str(data.resolve()),
        "root": str(listing.root.resolve()),
        "files": _digest_listing(listing),
        "max_pixels": max_pixels,
    }
    claim = claim_folder(out, "audit", arguments, overwrite=overwrite)
    if claim.state is FolderState.DONE:
        shutil.rmtree(out / PARTS_DIR, ignore_errors=True)
        return _read_result(out)
    if claim.state is FolderState.RESUMED:
        _remove_strays(out)
    inspect = partial(inspect_file, limits=Limits(max_pixels=max_pixels), squares=squares)
    with ThreadPoolExecutor(1) as aside:
        loading = aside.submit(_load_checks)
        _inspect(listing, out / PARTS_DIR, inspect, workers, progress)
    progress("findings", 0, 1)
    count = (len(listing.files) - 1) // PART_ROWS + 1
    parts = [_part_path(out / PARTS_DIR, number) for number in range(count)]
    images, findings = loading.result()(out, parts, data=data, listing=listing)
    progress("findings", 1, 1)
    finish_folder(claim)
    shutil.rmtree(out / PARTS_DIR)
    return AuditResult(out, images, findings, reused=False)


def _load_checks() -> Callable[..., tuple[pl.DataFrame, tuple[Finding, ...]]]:
    """Load the libraries of the checks, which takes a second, while the workers read."""
    from fauxto.audit.conclude import conclude  # noqa: PLC0415

    return conclude


def _digest_listing(listing: Listing) -> str:
    """Return a digest that changes when a file is added, removed, relabelled or written anew."""
    digest = hashlib.sha256()
    for file in listing.files:
        try:
            facts = (listing.root / file.path).stat()
            written = (facts.st_size, facts.st_mtime_ns)
        except OSError:
            written = None
        row = (file.path, file.label, file.split, file.source, file.generator, written)
        digest.update(repr(tuple(None if part is None else str(part) for part in row)).encode())
    return digest.hexdigest()


def _read_result(out: Path) -> AuditResult:
    findings = tuple(Finding.model_validate(row) for row in read_json(out / FINDINGS)["findings"])
    return AuditResult(out, read_images(out / IMAGES), findings, reused=True)


def _remove_strays(out: Path) -> None:
    """Remove the temporary files of a run that was killed while it wrote."""
    for folder in (out, out / PARTS_DIR):
        for stray in folder.glob(".*"):
            stray.unlink(missing_ok=True)


def _part_path(parts: Path, number: int) -> Path:
    return parts / f"{number:06d}.parquet"


def _inspect(
    listing: Listing,
    parts: Path,
    inspect: Callable[[Path], ImageFacts],
    workers: int,
    progress: Progress,
) -> None:
    """Write the parts that are not there yet."""
    total = len(listing.files)
    number = 0
    while _part_path(parts, number).is_file():
        number += 1
    start = min(number * PART_ROWS, total)
    pending = listing.files[start:]
    progress("audit", start, total)
    results = map_rows(
        inspect,
        _Paths(listing.root, pending),
        workers=workers,
        timeout_s=TIMEOUT_S,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
        on_lost=_describe_lost,
        progress=lambda done: progress("audit", start + done, total),
    )
    with closing(results):
        rows = (_to_row(file, facts) for file, facts in zip(pending, results, strict=True))
        while part := list(islice(rows, PART_ROWS)):
            write_table(_part_path(parts, number), pl.DataFrame(part, schema=_PART_SCHEMA))
            number += 1


def _describe_lost(path: Path, reason: str) -> ImageFacts:
    size = path.stat().st_size if path.is_file() else None
    return ImageFacts(
        status=ImageStatus.UNDECODABLE, error=f"decoding it failed: {reason}", bytes=size
    )


def _to_row(file: ListedFile, facts: ImageFacts) -> dict[str, Any]:
    listed: Mapping[str, Any] = {name: getattr(file, name) for name in _LISTED}
    known = vars(facts)
    return {name: listed[name] if name in listed else known.get(name) for name in _PART_SCHEMA}
