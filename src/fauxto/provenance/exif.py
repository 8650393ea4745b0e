"""EXIF fields from a TIFF structure, without decoding a picture."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fauxto.provenance.parts import MAX_FIELD_BYTES

Value = str | bytes | int | float
"""Text, undecoded bytes, a whole number or a fraction; of several numbers the first."""

MAX_ENTRIES: Final = 1_000
WIDTH, HEIGHT, DESCRIPTION, MAKE, MODEL, SOFTWARE, DATE, ARTIST = (
    0x100, 0x101, 0x10E, 0x10F, 0x110, 0x131, 0x132, 0x13B,
)  # fmt: skip
XMP, EXIF_IFD, GPS_IFD, C2PA = 0x2BC, 0x8769, 0x8825, 0xCD41
EXPOSURE_S, F_NUMBER, ISO, DATE_TAKEN, FOCAL_MM, MAKER_NOTE, COMMENT = (
    0x829A, 0x829D, 0x8827, 0x9003, 0x920A, 0x927C, 0x9286,
)  # fmt: skip
PIXELS_ACROSS, PIXELS_DOWN, LENS_MODEL = 0xA002, 0xA003, 0xA434

_FORMATS: Final = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 13: "I"}
_BYTES, _TEXT, _RATIONALS = (1, 7), 2, (5, 10)


@dataclass(frozen=True)
class Exif:
    """Fields of the main and the Exif directory.

    Attributes:
        fields: by tag; what is damaged, unknown or too long is left out.
        offset: byte, from the start of the structure, of each field's directory entry.
        has_position: a directory of satellite positions is present.
    """

    fields: Mapping[int, Value]
    offset: Mapping[int, int]
    has_position: bool

    def text(self, tag: int) -> str:
        """Return a text field, empty where there is none."""
        value = self.fields.get(tag)
        return value if isinstance(value, str) else ""

    def number(self, tag: int) -> float | None:
        """Return a number, or None."""
        value = self.fields.get(tag)
        return value if isinstance(value, int | float) else None


def read_exif(data: bytes) -> Exif:
    """Return the fields of a TIFF structure; of a damaged one, those that can be read.

    Args:
        data: beginning with the byte order, as in a TIFF file.

    Source:
        TIFF 6.0, section 2; Exif 2.32, 4.6.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    fields: dict[int, Value] = {}
    offsets: dict[int, int] = {}
    if order is None or len(data) < 8:
        return Exif(fields, offsets, has_position=False)
    main = _unpack(order, "I", data, 4)
    for tag, value, offset in _read_directory(data, order, main):
        fields.setdefault(tag, value)
        offsets.setdefault(tag, offset)
    inner = fields.get(EXIF_IFD)
    if isinstance(inner, int):
        for tag, value, offset in _read_directory(data, order, inner):
            fields.setdefault(tag, value)
            offsets.setdefault(tag, offset)
    return Exif(fields, offsets, has_position=GPS_IFD in fields)


def _unpack(order: str, kind: str, data: bytes, position: int) -> int:
    return int(struct.unpack_from(order + kind, data, position)[0])


def _read_directory(data: bytes, order: str, position: int) -> Iterator[tuple[int, Value, int]]:
    """Yield tag, value and place of the entries of one directory."""
    if position + 2 > len(data):
        return
    count = min(_unpack(order, "H", data, position), MAX_ENTRIES)
    for start in range(position + 2, position + 2 + 12 * count, 12):
        if start + 12 > len(data):
            return
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, start)
        value = _read_value(data, order, kind, number, start + 8)
        if value is not None:
            yield tag, value, start


def _read_value(data: bytes, order: str, kind: int, number: int, position: int) -> Value | None:
    if kind == _TEXT or kind in _BYTES:
        size = number
    elif kind in _FORMATS:
        size = number * struct.calcsize(order + _FORMATS[kind])
    else:
        return None
    if size > 4:
        position = _unpack(order, "I", data, position)
    if not 0 < size <= MAX_FIELD_BYTES or position + size > len(data):
        return None
    raw = data[position : position + size]
    if kind == _TEXT:
        return raw.partition(b"\0")[0].decode("utf-8", "replace")
    if kind in _BYTES and size > 1:
        return raw
    first = struct.unpack_from(order + _FORMATS.get(kind, "B"), raw)
    if kind in _RATIONALS:
        return first[0] / first[1] if first[1] else None
    return int(first[0])


def decode_comment(value: Value | None) -> str:
    """Return the text of EXIF's user comment, which begins with the name of its encoding."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    kind, text = value[:8], value[8:]
    if kind != b"UNICODE\0":
        return text.decode("utf-8", "replace").strip("\0")
    codec = "utf-16-le" if text[1:2] == b"\0" else "utf-16-be"
    return text.decode(codec, "replace").strip("\0")
