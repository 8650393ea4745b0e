"""Metadata chunks of WebP files."""

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


def walk_webp(content: bytes) -> Found:
    """Yield a WebP's metadata and where its picture ends, which is where its RIFF list ends.

    Source:
        WebP container specification, extended file format; C2PA 2.1, A.3.3.
    """
    end = 8 + int.from_bytes(content[4:8], "little")
    position = 12
    size: Size = (None, None)
    for _ in range(MAX_PARTS):
        if position + 8 > min(end, len(content)):
            break
        name = content[position : position + 4]
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        data = content[position + 8 : min(position + 8 + length, end)]
        if name == b"VP8X" and len(data) >= 10:
            size = 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
        if name == b"C2PA":
            yield Part(PartKind.C2PA, "WebP C2PA", position)
        elif name in (b"EXIF", b"XMP "):
            kind = PartKind.EXIF if name == b"EXIF" else PartKind.XMP
            if length > MAX_FIELD_BYTES:
                yield Skipped(f"WebP {kind} is too long and was not read")
            else:
                yield Part(kind, f"WebP {kind}", position, data.removeprefix(b"Exif\0\0"))
        position += 8 + length + length % 2
    yield End(end if end <= len(content) else None, *size)
