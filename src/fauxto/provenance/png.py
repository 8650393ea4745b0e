"""Metadata chunks of PNG files."""

import zlib
from typing import Final

from fauxto.provenance.parts import (
    MAX_FIELD_BYTES,
    MAX_PARTS,
    End,
    Found,
    Part,
    PartKind,
    Size,
    Skipped,
)

_READ: Final = (b"caBX", b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_XMP_KEY: Final = "XML:com.adobe.xmp"


def walk_png(content: bytes) -> Found:
    """Yield a PNG's metadata, before and after its pixels, and where its picture ends.

    Source:
        PNG specification (third edition), 5.3 and 11.3; C2PA 2.1, A.3.2.
    """
    position = 8
    size: Size = (None, None)
    for _ in range(MAX_PARTS):
        if position + 12 > len(content):
            break
        length = int.from_bytes(content[position : position + 4], "big")
        name = content[position + 4 : position + 8]
        start = position + 8
        if name == b"IEND":
            yield End(start + length + 4, *size)
            return
        if name == b"IHDR":
            size = (
                int.from_bytes(content[start : start + 4], "big"),
                int.from_bytes(content[start + 4 : start + 8], "big"),
            )
        if name in _READ:
            data = content[start : start + min(length, MAX_FIELD_BYTES + 1)]
            yield _read_chunk(name, data, position)
        position = start + length + 4
    yield End(None, *size)


def _read_chunk(name: bytes, data: bytes, position: int) -> Part | Skipped:
    if name == b"caBX":
        return Part(PartKind.C2PA, "PNG caBX", position)
    if name == b"eXIf":
        return Part(PartKind.EXIF, "PNG eXIf", position, data)
    chunk = name.decode("ascii")
    key, packed, text = _split_text(name, data)
    if len(data) > MAX_FIELD_BYTES:
        return Skipped(f"PNG {chunk} '{key}' is too long and was not read")
    if packed:
        unpacked = _unpack(text)
        if unpacked is None:
            return Skipped(f"PNG {chunk} '{key}' cannot be unpacked, or is too long")
        text = unpacked
    if name != b"iTXt":
        text = text.decode("latin-1").encode("utf-8")
    kind = PartKind.XMP if key == _XMP_KEY else PartKind.TEXT
    return Part(kind, f"PNG {chunk} '{key}'", position, text, key)


def _split_text(name: bytes, data: bytes) -> tuple[str, bool, bytes]:
    """Return keyword, whether the text is packed, and the text as it lies in the chunk."""
    keyword, _, rest = data.partition(b"\0")
    key = keyword[:79].decode("latin-1")
    key = "".join(letter for letter in key if letter.isprintable())
    if name == b"tEXt":
        return key, False, rest
    if name == b"zTXt":
        return key, True, rest[1:]
    packed, languages = rest[:1] == b"\1", rest[2:]
    text = languages.partition(b"\0")[2].partition(b"\0")[2]
    return key, packed, text


def _unpack(data: bytes) -> bytes | None:
    decoder = zlib.decompressobj()
    try:
        text = decoder.decompress(data, MAX_FIELD_BYTES + 1)
    except zlib.error:
        return None
    return text if len(text) <= MAX_FIELD_BYTES else None
