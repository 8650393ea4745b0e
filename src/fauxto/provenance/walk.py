"""A file's format, its parts with metadata, and where its picture ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fauxto.provenance import exif as tags
from fauxto.provenance.exif import read_exif
from fauxto.provenance.gif import walk_gif
from fauxto.provenance.isobmff import walk_isobmff
from fauxto.provenance.jpeg import walk_jpeg
from fauxto.provenance.parts import End, Found, Part, PartKind, Size, Skipped
from fauxto.provenance.png import walk_png
from fauxto.provenance.webp import walk_webp


@dataclass(frozen=True)
class Walked:
    """What was found in a file.

    Attributes:
        image_format: by content, in Pillow's words; None where it is none that is known.
        parts: with metadata, in the file's order.
        notes: what was seen and not read.
        size: of the stored picture.
    """

    image_format: str | None
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    size: Size


def walk_file(content: bytes) -> Walked:
    """Return a file's parts with metadata; any bytes give a result."""
    image_format = _identify(content)
    walk = _WALKS.get(image_format or "")
    if walk is None:
        return Walked(
            None, (), ("the format is not known, so nothing was looked for",), (None, None)
        )
    parts: list[Part] = []
    notes: list[str] = []
    size: Size = (None, None)
    for found in walk(content):
        if isinstance(found, Part):
            parts.append(found)
        elif isinstance(found, Skipped):
            notes.append(found.reason)
        else:
            size = (found.width, found.height)
            notes += _note_end(found, len(content))
    return Walked(image_format, tuple(parts), tuple(dict.fromkeys(notes)), size)


def _note_end(end: End, length: int) -> list[str]:
    if end.offset is None or end.offset > length:
        return ["the file breaks off before its picture ends"]
    if end.offset < length:
        return [f"{length - end.offset:,} bytes after the picture's end were not looked at"]
    return []


def _identify(content: bytes) -> str | None:
    if content[4:8] == b"ftyp":
        return "AVIF" if content[8:12] in (b"avif", b"avis") else "HEIF"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((name for magic, name in _MAGIC.items() if content.startswith(magic)), None)


def _walk_tiff(content: bytes) -> Found:
    """Yield the tags, XMP packet and C2PA of a TIFF's first page."""
    exif = read_exif(content)
    yield Part(PartKind.EXIF, "TIFF tags", 0, content)
    packet = exif.fields.get(tags.XMP)
    if isinstance(packet, bytes):
        yield Part(PartKind.XMP, "TIFF tag 700 (XMP)", exif.offset[tags.XMP], packet)
    if tags.C2PA in exif.fields:
        yield Part(PartKind.C2PA, "TIFF tag 52545 (C2PA)", exif.offset[tags.C2PA])


_MAGIC: Final[Mapping[bytes, str]] = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_WALKS: Final[Mapping[str, Callable[[bytes], Found]]] = {
    "JPEG": walk_jpeg,
    "PNG": walk_png,
    "WEBP": walk_webp,
    "GIF": walk_gif,
    "TIFF": _walk_tiff,
    "AVIF": walk_isobmff,
    "HEIF": walk_isobmff,
}
