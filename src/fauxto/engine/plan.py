"""A folder of parts: what is to be done, in rows of a listing, and what the whole came to.

``manifest.json`` names the verb and its arguments, the listing (parts, rows, digest) and, once all
is done, the sums. ``listing/part-000000.parquet`` holds which images a part is about, and
``part-000000.parquet`` what came of them. The folder may be at any address.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Final

import polars as pl

from fauxto.core import storage
from fauxto.core.artifacts import FolderState, fingerprint, read_json, write_json
from fauxto.core.choices import PART_ROWS
from fauxto.core.errors import ArtifactError, OtherResult
from fauxto.data.stored import STORED_SCHEMA, StoredImage
from fauxto.data.table import read_frame, write_table

MANIFEST: Final = "manifest.json"
LISTING: Final = "listing"


@dataclass(frozen=True)
class Sums:
    """What became of rows; ``rows`` is ``ok`` plus ``errors``."""

    rows: int = 0
    ok: int = 0
    errors: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.rows + other.rows, self.ok + other.ok, self.errors + other.errors)


@dataclass(frozen=True)
class Listed:
    """The listing of all images.

    Attributes:
        parts: its number of files.
        rows: its number of images.
        digest: over every row, in order, 64 hexadecimal digits.
    """

    parts: int
    rows: int
    digest: str


@dataclass(frozen=True)
class Plan:
    """A folder of parts and how far it is.

    Attributes:
        folder: its address.
        verb: that fills it.
        arguments: whatever decides the rows, beside the images.
        part_rows: rows of every part but the last.
        state: what was found there.
        listed: None until all images are listed.
        sums: None until all parts are done.
    """

    folder: str
    verb: str
    arguments: Mapping[str, Any]
    part_rows: int
    state: FolderState = FolderState.NEW
    listed: Listed | None = None
    sums: Sums | None = None

    def part(self, number: int) -> str:
        """Return the address of a part."""
        return storage.join(self.folder, name_part(number))

    def listing(self, number: int) -> str:
        """Return the address of a part's listing."""
        return storage.join(storage.join(self.folder, LISTING), name_part(number))

    def parts(self) -> list[str]:
        """Return the addresses of all parts, in order."""
        return [self.part(number) for number in range(self.listed.parts if self.listed else 0)]

    def listings(self) -> tuple[str, ...]:
        """Return the addresses of all listings, in order."""
        count = self.listed.parts if self.listed else 0
        return tuple(self.listing(number) for number in range(count))

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not there yet, ascending."""
        there = storage.names_in(self.folder)
        count = self.listed.parts if self.listed else 0
        return [number for number in range(count) if name_part(number) not in there]

    def save(self) -> None:
        """Write the manifest; the last write of every step."""
        document = {
            "verb": self.verb,
            "fingerprint": fingerprint(self.verb, {**self.arguments, "part_rows": self.part_rows}),
            "arguments": json.loads(json.dumps(self.arguments, default=str)),
            "part_rows": self.part_rows,
            "listing": self.listed and asdict(self.listed),
            "sums": self.sums and asdict(self.sums),
            "finished": self.sums is not None,
        }
        write_json(storage.join(self.folder, MANIFEST), document)


def name_part(number: int) -> str:
    """Return a part's file name.

    >>> name_part(7)
    'part-000007.parquet'
    """
    return f"part-{number:06d}.parquet"


def open_plan(
    folder: str,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    part_rows: int = PART_ROWS,
    overwrite: bool = False,
) -> Plan:
    """Return a folder of parts, new, to go on with, or done.

    Args:
        folder: path or URL.
        verb: that fills it.
        arguments: whatever decides the rows, beside the images; a folder with others is refused.
        part_rows: rows of a part.
        overwrite: remove what fauxto wrote there before.

    Raises:
        OtherResult: the folder holds parts of other arguments, and ``overwrite`` is not set.
        ArtifactError: it holds files that fauxto did not write.
    """
    plan = Plan(folder, verb, arguments, part_rows)
    found = read_manifest(folder)
    if found is None:
        if names := storage.names_in(folder):
            raise ArtifactError(
                f"{folder} holds files that fauxto did not write ({min(names)}): choose another "
                "folder"
            )
    elif overwrite:
        _clear(folder)
    elif found["fingerprint"] != fingerprint(verb, {**arguments, "part_rows": part_rows}):
        raise OtherResult(
            f"{folder} holds parts of '{found['verb']}' with other arguments: choose another "
            "folder, or --overwrite to replace them"
        )
    else:
        return replace(
            plan,
            state=FolderState.DONE if found["finished"] else FolderState.RESUMED,
            listed=found["listing"] and Listed(**found["listing"]),
            sums=found["sums"] and Sums(**found["sums"]),
        )
    plan.save()
    return plan


def read_manifest(folder: str) -> dict[str, Any] | None:
    """Return the manifest of a folder of parts; None if there is none.

    Raises:
        ArtifactError: it is damaged or from a newer fauxto.
    """
    address = storage.join(folder, MANIFEST)
    if not storage.exists(address):
        return None
    document = read_json(address)
    if {"verb", "fingerprint", "listing", "sums", "finished"} - document.keys():
        raise ArtifactError(f"{address} is damaged: name another folder")
    return document


def _clear(folder: str) -> None:
    """Remove parts and listing; the manifest, which says that they are fauxto's, last."""
    listing = storage.join(folder, LISTING)
    for inside in (folder, listing):
        for name in sorted(storage.names_in(inside)):
            if name.startswith("part-") and name.endswith(".parquet"):
                storage.remove(storage.join(inside, name))
    storage.remove(storage.join(folder, MANIFEST))


def list_images(plan: Plan, images: Iterable[StoredImage]) -> Plan:
    """Write the listing, or keep the one that is there, and return the plan with it.

    Memory holds one part's rows, whatever their number.
    """
    if plan.listed is not None:
        return plan
    digest, rows, parts = hashlib.sha256(), 0, 0
    stream = iter(images)
    while batch := list(islice(stream, plan.part_rows)):
        values = [[getattr(image, name) for name in STORED_SCHEMA] for image in batch]
        for row in values:
            digest.update(_told(row))
        frame = pl.DataFrame(values, schema=STORED_SCHEMA, orient="row")
        write_table(plan.listing(parts), frame)
        rows, parts = rows + len(batch), parts + 1
    listed = replace(plan, listed=Listed(parts, rows, digest.hexdigest()))
    listed.save()
    return listed


def require_same_images(plan: Plan, images: Iterable[StoredImage]) -> None:
    """Check that a finished plan is about these images and no others.

    Raises:
        OtherResult: images came or went since they were listed.
    """
    digest, rows = hashlib.sha256(), 0
    for image in images:
        digest.update(_told([getattr(image, name) for name in STORED_SCHEMA]))
        rows += 1
    listed = plan.listed
    if listed is not None and digest.hexdigest() != listed.digest:
        raise OtherResult(
            f"{plan.folder} was finished with {listed.rows:,} images, and now there are {rows:,}, "
            "or others: choose another --out, or --overwrite to do all again"
        )


def _told(row: list[Any]) -> bytes:
    """Return what a digest takes of a row."""
    return json.dumps([None if value is None else str(value) for value in row]).encode()


def read_listing(plan: Plan, number: int) -> list[StoredImage]:
    """Return the images of a part."""
    rows = read_frame(plan.listing(number)).iter_rows(named=True)
    return [StoredImage(**row) for row in rows]
