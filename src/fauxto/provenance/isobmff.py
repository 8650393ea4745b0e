"""Metadata items of AVIF and HEIC files (ISO base media file format)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fauxto.provenance.parts import (
    C2PA_BOX,
    MAX_FIELD_BYTES,
    MAX_PARTS,
    End,
    Found,
    Part,
    PartKind,
    Skipped,
)

_OUTER: Final = (
    b"ftyp", b"styp", b"meta", b"mdat", b"moov", b"moof", b"mfra", b"free", b"skip", b"uuid",
    b"sidx", b"pdin", b"prft",
)  # fmt: skip
"""Boxes that a picture or sequence is made of; what follows another one was appended."""
_XMP_TYPE: Final = b"application/rdf+xml"
_EXIF_HEADER_BYTES: Final = 4  # an offset to the TIFF header comes first


@dataclass(frozen=True)
class _Box:
    name: bytes
    start: int  # of the content
    end: int
    offset: int  # of the box


class _Reader:
    """Big-endian numbers from a place in a file; reading past its end gives zeros."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content = content
        self.position = position

    def number(self, size: int) -> int:
        value = int.from_bytes(self._content[self.position : self.position + size], "big")
        self.position += size
        return value


def walk_isobmff(content: bytes) -> Found:
    """Yield the EXIF, XMP and C2PA of an AVIF or HEIC file, and where its last box ends.

    Source:
        ISO/IEC 14496-12, 4.2 and 8.11; ISO/IEC 23008-12, A.2 and A.3; C2PA 2.1, A.5.1.
    """
    end, met = 0, False
    for box in _walk_boxes(content, 0, len(content)):
        if box.name not in _OUTER:
            break
        end = box.end
        if box.name == b"meta" and not met:
            met = True
            yield from _read_items(content, box)
        elif box.name == b"uuid" and content[box.start : box.start + 16] == C2PA_BOX:
            yield Part(PartKind.C2PA, "ISO BMFF uuid box", box.offset)
    is_cut = content[end + 4 : end + 8] in _OUTER  # a box that is longer than what is left
    yield End(None if is_cut else end)


def _walk_boxes(content: bytes, start: int, end: int) -> Iterator[_Box]:
    position = start
    for _ in range(MAX_PARTS):
        if position + 8 > end:
            return
        size = int.from_bytes(content[position : position + 4], "big")
        header = 8
        if size == 1:
            size, header = int.from_bytes(content[position + 8 : position + 16], "big"), 16
        elif size == 0:
            size = end - position
        if size < header or position + size > end:
            return
        name = content[position + 4 : position + 8]
        yield _Box(name, position + header, position + size, position)
        position += size


def _read_items(content: bytes, meta: _Box) -> Found:
    types: dict[int, bytes] = {}
    places: dict[int, tuple[int, int]] = {}
    for box in _walk_boxes(content, meta.start + 4, meta.end):
        if box.name == b"iinf":
            types = _read_types(content, box)
        elif box.name == b"iloc":
            places = _read_places(content, box)
    for item, kind in types.items():
        offset, length = places.get(item, (0, 0))
        if not length or offset + length > len(content):
            continue
        name = PartKind.XMP if kind == _XMP_TYPE else PartKind.EXIF
        if length > MAX_FIELD_BYTES:
            yield Skipped(f"the {name} item is too long and was not read")
            continue
        data = content[offset : offset + length]
        if name is PartKind.EXIF:
            skipped = _EXIF_HEADER_BYTES + int.from_bytes(data[:_EXIF_HEADER_BYTES], "big")
            data = data[skipped:].removeprefix(b"Exif\0\0")
        yield Part(name, f"ISO BMFF {name} item", offset, data)


def _read_types(content: bytes, iinf: _Box) -> dict[int, bytes]:
    """Return number and kind (``Exif`` or XMP's media type) of the metadata items."""
    version = content[iinf.start]
    start = iinf.start + (6 if version == 0 else 8)
    types = {}
    for box in _walk_boxes(content, start, iinf.end):
        entry = _Reader(content, box.start)
        wide = entry.number(4) >> 24 >= 3  # version; then flags
        item = entry.number(4 if wide else 2)
        entry.number(2)  # protection
        kind = entry.number(4).to_bytes(4, "big")
        if kind == b"Exif":
            types[item] = kind
        elif kind == b"mime":
            rest = content[entry.position : box.end].split(b"\0")
            if len(rest) > 1 and rest[1] == _XMP_TYPE:
                types[item] = _XMP_TYPE
    return types


def _read_places(content: bytes, iloc: _Box) -> dict[int, tuple[int, int]]:
    """Return offset and length of the items that lie in one piece in the file."""
    reader = _Reader(content, iloc.start)
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (
        sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15 if version else 0,
    )  # fmt: skip
    count = reader.number(4 if version == 2 else 2)
    places = {}
    for _ in range(min(count, MAX_PARTS)):
        if reader.position >= iloc.end:
            break
        item = reader.number(4 if version == 2 else 2)
        method = reader.number(2) & 15 if version else 0
        reader.number(2)  # data reference
        base = reader.number(base_size)
        pieces = reader.number(2)
        reader.number(index_size)
        offset, length = reader.number(offset_size), reader.number(length_size)
        reader.position += (pieces - 1) * (index_size + offset_size + length_size)
        if pieces == 1 and method == 0:
            places[item] = (base + offset, length)
    return places
