"""Metadata blocks of GIF files."""

from typing import Final

from fauxto.provenance.parts import MAX_FIELD_BYTES, MAX_PARTS, End, Found, Part, PartKind, Skipped

_XMP: Final = b"XMP DataXMP"
_XMP_TRAILER_BYTES: Final = 258  # the packet is not cut into blocks; this makes the chain end
_C2PA: Final = b"C2PA_GIF\1\0\0"


def walk_gif(content: bytes) -> Found:
    """Yield a GIF's metadata and where its picture ends.

    Source:
        GIF89a, sections 15 to 27; XMP specification part 3, 1.1.2; C2PA 2.1, A.3.5.
    """
    size = (int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little"))
    position = 13 + _palette_bytes(content, 10)
    for _ in range(MAX_PARTS):
        kind = content[position : position + 1]
        if kind == b";":
            yield End(position + 1, *size)
            return
        if kind == b"\0":  # what is left where the chain met the first zero of such a trailer
            position += 1
            continue
        if kind == b",":
            start = position + 11 + _palette_bytes(content, position + 9)
            after = _skip_blocks(content, start)
        elif kind == b"!":
            start = position + 2
            after = _skip_blocks(content, start)
            if after is not None:
                label = content[position + 1]
                yield from _read_extension(content, label, position, start, after)
        else:
            break
        if after is None:
            break
        position = after
    yield End(None, *size)


def _palette_bytes(content: bytes, position: int) -> int:
    """Return the size of the colour table that a packed field announces."""
    packed = content[position] if position < len(content) else 0
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _skip_blocks(content: bytes, position: int) -> int | None:
    """Return the position after a chain of data blocks; None where the file breaks off."""
    while position < len(content):
        length = content[position]
        position += 1 + length
        if length == 0:
            return position
    return None


def _join_blocks(content: bytes, position: int, after: int) -> bytes:
    pieces = []
    while position < after - 1:
        length = content[position]
        pieces.append(content[position + 1 : position + 1 + length])
        position += 1 + length
    return b"".join(pieces)


def _read_extension(content: bytes, label: int, position: int, start: int, after: int) -> Found:
    if after - start > 2 * MAX_FIELD_BYTES:
        yield Skipped("a GIF extension is too long and was not read")
    elif label == 0xFE:
        text = _join_blocks(content, start, after)
        yield Part(PartKind.TEXT, "GIF comment", position, text, "comment")
    elif label == 0xFF and content[start + 1 : start + 12] == _XMP:
        data = content[start + 12 : max(start + 12, after - _XMP_TRAILER_BYTES)]
        yield Part(PartKind.XMP, "GIF XMP", position, data)
    elif label == 0xFF and content[start + 1 : start + 12] == _C2PA:
        yield Part(PartKind.C2PA, "GIF application extension", position)
