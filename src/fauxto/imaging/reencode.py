"""What happens to pictures when they are saved or shared again."""

from io import BytesIO
from typing import Final

from PIL import Image

from fauxto.core.choices import Reencoding

LONGEST_SIDE_PX: Final = {"JPEG": 65_500, "WEBP": 16_383}
"""Longest side that a format's encoder takes."""

_ENCODERS: Final = {
    Reencoding.JPEG_90: ("JPEG", 90),
    Reencoding.JPEG_75: ("JPEG", 75),
    Reencoding.WEBP_80: ("WEBP", 80),
}
_SMALLER: Final = 0.9


def encode(rgb: Image.Image, image_format: str, quality: int) -> bytes:
    """Return a picture as a file.

    Args:
        rgb: mode RGB; one too long for the format is first scaled down to what it holds.
        image_format: ``JPEG`` or ``WEBP``.
        quality: of the encoder, 1 to 100.
    """
    longest = LONGEST_SIDE_PX[image_format]
    if max(rgb.size) > longest:
        rgb = rgb.copy()
        rgb.thumbnail((longest, longest), Image.Resampling.BICUBIC)
    stored = BytesIO()
    rgb.save(stored, image_format, quality=quality)
    return stored.getvalue()


def encode_again(rgb: Image.Image, image_format: str, quality: int) -> Image.Image:
    """Return what is left of a picture after ``encode``, mode RGB."""
    with Image.open(BytesIO(encode(rgb, image_format, quality)), formats=[image_format]) as again:
        return again.convert("RGB")


def reencode(rgb: Image.Image, reencoding: Reencoding) -> bytes:
    """Return the file that a picture becomes by one mild change.

    Args:
        rgb: mode RGB, any size.
        reencoding: what happens to it.
    """
    if reencoding in _ENCODERS:
        return encode(rgb, *_ENCODERS[reencoding])
    width, height = (max(1, round(side * _SMALLER)) for side in rgb.size)
    stored = BytesIO()
    smaller = rgb.resize((width, height), Image.Resampling.BICUBIC)
    smaller.save(stored, "PNG", compress_level=0)
    return stored.getvalue()
