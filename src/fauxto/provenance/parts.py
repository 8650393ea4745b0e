"""The parts of a file that may hold metadata, found by walking the file's structure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_PARTS: Final = 20_000
"""Parts of a file that are looked at; pictures have at most some hundreds."""

MAX_FIELD_BYTES: Final = 1 << 20
"""Size of one field, unpacked, beyond which it is not read."""

C2PA_BOX: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""User type of the box that holds Content Credentials in ISO base media files."""


class PartKind(StrEnum):
    """What a part holds."""

    EXIF = "EXIF"
    """A TIFF structure."""
    XMP = "XMP"
    """An XML packet."""
    TEXT = "text"
    """A named text."""
    C2PA = "C2PA"
    """A store of Content Credentials, or the first piece of one."""


@dataclass(frozen=True)
class Part:
    """One part with metadata.

    Attributes:
        kind: what it holds.
        where: the format's name of it, in words.
        offset: byte in the file at which it begins.
        data: its content, unpacked; empty for C2PA, which is read by its own library.
        key: name of a text, else empty.
    """

    kind: PartKind
    where: str
    offset: int
    data: bytes = b""
    key: str = ""


@dataclass(frozen=True)
class Skipped:
    """A part that was seen and not read.

    Attributes:
        reason: why, in words.
    """

    reason: str


@dataclass(frozen=True)
class End:
    """Where the picture ends.

    Attributes:
        offset: first byte after it; None where the file breaks off before.
        width: of the stored picture in pixels; None where the walk did not meet it.
        height: likewise.
    """

    offset: int | None
    width: int | None = None
    height: int | None = None


Size = tuple[int | None, int | None]
"""Width and height of the stored picture in pixels, as far as known."""

Found = Iterator[Part | Skipped | End]
"""What walking a file gives: parts in the file's order, and where the picture ends."""
