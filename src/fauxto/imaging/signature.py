"""What a file is, by its first bytes; never by its name."""

import struct
from typing import Final

ALLOWED: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Formats that may reach a decoder."""

_PREFIXES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"8BPS", "PSD"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%PDF", "PDF"),
    (b"DDS ", "DDS"),
    (b"icns", "ICNS"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x02\x00", "CUR"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"gimp xcf", "XCF"),
    (b"qoif", "QOI"),
    (b"BPG\xfb", "BPG"),
    (b"SIMPLE  =", "FITS"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    *((b"P" + digit + space, "PNM") for digit in (b"1", b"2", b"3", b"4", b"5", b"6", b"7")
      for space in (b"\n", b" ", b"\r", b"\t")),
)  # fmt: skip
_BMP_HEADER_SIZES: Final = (12, 16, 40, 52, 56, 64, 108, 124)
_AVIF_BRANDS: Final = {b"avif", b"avis"}
_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def identify_format(content: bytes) -> str | None:
    """Return the name of a picture format, allowed or not, or None if it is no known picture.

    Args:
        content: a file's bytes, or at least its first 64.
    """
    for prefix, name in _PREFIXES:
        if content.startswith(prefix):
            return name
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp":
        return _identify_brand(content)
    if content.startswith(b"BM") and len(content) >= 26:
        size = struct.unpack_from("<I", content, 14)[0]
        return "BMP" if size in _BMP_HEADER_SIZES else None
    if content[4:6] in (b"\x11\xaf", b"\x12\xaf"):
        return "FLI"
    return None


def _identify_brand(content: bytes) -> str | None:
    box = content[8 : min(int.from_bytes(content[:4], "big"), 256)]
    brands = {box[start : start + 4] for start in range(0, len(box), 4)}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    return "ISO media (video or raw)"


def ends_early(content: bytes, image_format: str) -> bool:
    """Return whether the container's own lengths or end mark say that bytes are missing.

    Args:
        content: the whole file.
        image_format: one of ``ALLOWED``.
    """
    if image_format == "WEBP":
        return int.from_bytes(content[4:8], "little") + 8 > len(content)
    if image_format == "PNG":
        return b"IEND" not in content[-4096:] and b"IEND" not in content
    if image_format == "GIF":
        return not content.rstrip(b"\x00").endswith(b";")
    if image_format == "BMP":
        return int.from_bytes(content[2:6], "little") > len(content)
    if image_format in ("AVIF", "HEIF"):
        return _boxes_end(content) > len(content)
    return False


def _boxes_end(content: bytes) -> int:
    """Return where the last box of an ISO base media file says that it ends."""
    position = 0
    while position + 8 <= len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        if size == 0:
            return len(content)
        position += max(size, 8)
    return position


def webp_size(content: bytes) -> tuple[int, int] | None:
    """Return a WebP file's width and height in pixels without making a decoder, or None.

    Source: the WebP container specification (RFC 9649, sections 2.5 to 2.7).
    """
    chunk = content[12:16]
    if chunk == b"VP8X" and len(content) >= 30:
        width = int.from_bytes(content[24:27], "little") + 1
        return width, int.from_bytes(content[27:30], "little") + 1
    if chunk == b"VP8L" and len(content) >= 25:
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and len(content) >= 30:
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
