"""Metadata segments of JPEG files."""

import re
from typing import Final

from fauxto.provenance.parts import MAX_PARTS, End, Found, Part, PartKind, Size, Skipped

_FILL: Final = re.compile(rb"\xff+")  # a marker may follow any number of them
_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE: Final = b"http://ns.adobe.com/xmp/extension/\0"
_APP1, _APP11, _COMMENT, _SCAN, _END = 0xE1, 0xEB, 0xFE, 0xDA, 0xD9
_ALONE: Final = (0x01, *range(0xD0, 0xD8))
_SIZES: Final = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))


def walk_jpeg(content: bytes) -> Found:
    """Yield the metadata before a JPEG's first scan, and where its picture ends.

    Source:
        ITU-T T.81, annex B; Exif 2.32, 4.5.4; XMP specification part 3, 1.1.3; C2PA 2.1, A.3.1.
    """
    position, begun = 2, False
    size: Size = (None, None)
    for _ in range(MAX_PARTS):
        filled = _FILL.match(content, position)
        if filled is None or filled.end() == len(content):
            break
        position = filled.end() - 1
        marker = content[position + 1]
        if marker == _END:
            yield End(position + 2, *size)
            return
        if marker in _ALONE:
            position += 2
            continue
        if position + 4 > len(content):
            break
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        data = content[position + 4 : position + 2 + length]
        if marker == _SCAN:
            # Within a scan FF is always followed by 00 or a restart, so that FF D9 is its end.
            end = content.find(b"\xff\xd9", position)
            yield End(None if end < 0 else end + 2, *size)
            return
        if marker in _SIZES and len(data) >= 5:
            size = int.from_bytes(data[3:5], "big"), int.from_bytes(data[1:3], "big")
        found = _read_segment(marker, data, position)
        if isinstance(found, Part) and found.kind is PartKind.C2PA:
            found, begun = (None if begun else found), True  # a store may span several segments
        if found is not None:
            yield found
        position += 2 + length
    yield End(None, *size)


def _read_segment(marker: int, data: bytes, position: int) -> Part | Skipped | None:
    if marker == _APP1:
        if data.startswith(_EXIF):
            return Part(PartKind.EXIF, "JPEG APP1 (EXIF)", position, data[len(_EXIF) :])
        if data.startswith(_XMP):
            return Part(PartKind.XMP, "JPEG APP1 (XMP)", position, data[len(_XMP) :])
        if data.startswith(_XMP_MORE):
            return Skipped("extended XMP in the JPEG was not read")
    if marker == _APP11 and _is_c2pa(data):
        return Part(PartKind.C2PA, "JPEG APP11 (JUMBF)", position)
    if marker == _COMMENT:
        return Part(PartKind.TEXT, "JPEG comment", position, data, "comment")
    return None


def _is_c2pa(data: bytes) -> bool:
    # JPEG XT: "JP", instance, sequence number, then a JUMBF superbox whose type is "c2pa".
    return data[:2] == b"JP" and data[12:16] == b"jumb" and data[24:28] == b"c2pa"
