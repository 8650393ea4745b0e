"""Bytes to an upright RGB picture, within limits.

Only the formats of ``signature.ALLOWED`` reach a decoder, chosen by the first bytes. Pixel limits
are checked on the header, before pixels take memory, and Pillow's own limits and globals stay as
the host program set them: plugins are called directly because ``Image.open`` compares with a
global that only the whole process can change.
"""

import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Num, UInt8
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from fauxto.core.errors import ImageStatus, UnreadableImage
from fauxto.imaging.signature import ALLOWED, ends_early, identify_format, webp_size

try:
    import pillow_heif
except ImportError:
    pillow_heif = None

DECODER_ERRORS: Final = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    EOFError, AssertionError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError,
    Warning,
)  # fmt: skip
"""What Pillow's plugins are seen to raise on damaged files (warnings where they are errors)."""

_OPENERS: Final[dict[str, Callable[[BytesIO], ImageFile.ImageFile]]] = {
    "JPEG": JpegImagePlugin.jpeg_factory,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
if pillow_heif is not None:
    _OPENERS["HEIF"] = pillow_heif.HeifImageFile

ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ALPHA_MODES: Final = ("RGBA", "LA", "PA", "RGBa", "La")


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    Attributes:
        max_pixels: width times height above which pixels are not decoded.
        max_bytes: file size above which a file is not read.
    """

    max_pixels: int = 200_000_000
    max_bytes: int = 1 << 30


@dataclass(frozen=True)
class DecodedImage:
    """A picture as every later step sees it.

    Attributes:
        rgb: mode RGB, upright, alpha over white, first frame.
        notes: what was done to get there, in words.
        orientation: the file's EXIF orientation, 1 to 8; None where it has none.
    """

    rgb: Image.Image
    notes: tuple[str, ...] = ()
    orientation: int | None = None


def read_bytes(path: Path, limits: Limits = Limits()) -> bytes:
    """Return a file's bytes.

    Raises:
        UnreadableImage: it is empty, too large, not a regular file, or cannot be read.
    """
    try:
        facts = path.stat()
        _check_file(facts.st_mode, facts.st_size, limits)
        content = path.read_bytes()
    except UnreadableImage:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableImage(ImageStatus.UNREADABLE, f"cannot be read: {reason}") from error
    except MemoryError as error:
        raise UnreadableImage(ImageStatus.TOO_LARGE, "too little memory to read it") from error
    if not content:
        raise UnreadableImage(ImageStatus.EMPTY, "the file has no bytes")
    return content


def _check_file(mode: int, size: int, limits: Limits) -> None:
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise UnreadableImage(ImageStatus.UNREADABLE, f"it is {kind}, not an image file")
    _check_bytes(size, limits)


def _check_bytes(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise UnreadableImage(
            ImageStatus.TOO_LARGE, f"{size} bytes are more than the limit of {limits.max_bytes}"
        )


def decode_rgb(
    content: bytes, limits: Limits = Limits(), *, at_least_px: int | None = None
) -> DecodedImage:
    """Return the picture that a file holds.

    Args:
        content: the whole file.
        limits: of pixels and bytes.
        at_least_px: allow a JPEG to be decoded at 1/2, 1/4 or 1/8 size (by the decoder, in the
            DCT domain) as long as no side becomes shorter than this; None decodes every pixel.

    Raises:
        UnreadableImage: it is no allowed picture, damaged, or over a limit.
    """
    _check_bytes(len(content), limits)
    image = open_header(content, limits)
    with decoder_errors(content):
        if at_least_px is not None and min(image.size) > at_least_px:
            image.draft(None, (at_least_px, at_least_px))
    return decode_opened(image, content)


@contextmanager
def decoder_errors(content: bytes) -> Iterator[None]:
    """Turn what decoders raise into ``UnreadableImage`` with the fitting status."""
    try:
        yield
    except UnreadableImage:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        message = str(error) or "too little memory to decode it"
        raise UnreadableImage(ImageStatus.TOO_LARGE, message) from error
    except DECODER_ERRORS as error:
        message = str(error) or type(error).__name__
        text = message.lower()
        truncated = isinstance(error, EOFError) or "truncated" in text
        if truncated or ends_early(content, identify_format(content) or ""):
            if not truncated:
                message = f"image file is truncated ({message})"
            raise UnreadableImage(ImageStatus.TRUNCATED, message) from error
        raise UnreadableImage(ImageStatus.UNDECODABLE, message) from error


def open_header(content: bytes, limits: Limits = Limits()) -> ImageFile.ImageFile:
    """Return a picture whose header is read and within limits, and whose pixels are not decoded.

    Raises:
        UnreadableImage: empty, not a picture, not an allowed format, damaged, or too many pixels.
    """
    if not content:
        raise UnreadableImage(ImageStatus.EMPTY, "the file has no bytes")
    image_format = identify_format(content)
    if image_format is None:
        raise UnreadableImage(ImageStatus.NOT_AN_IMAGE, "the content is not a picture")
    if image_format not in _OPENERS:
        hint = "; pip install 'fauxto[heic]' opens it" if image_format == "HEIF" else ""
        raise UnreadableImage(
            ImageStatus.UNSUPPORTED,
            f"the format is {image_format}, fauxto opens {', '.join(ALLOWED)}{hint}",
        )
    if image_format == "WEBP" and (size := webp_size(content)) is not None:
        _check_pixels(size, limits)
    with decoder_errors(content):
        image = _OPENERS[image_format](BytesIO(content))
        _check_pixels(image.size, limits)
    return image


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise UnreadableImage(
            ImageStatus.TOO_LARGE,
            f"{width} × {height} pixels are more than the limit of {limits.max_pixels}",
        )


def decode_opened(image: ImageFile.ImageFile, content: bytes) -> DecodedImage:
    """Decode the pixels of a picture from ``open_header``; ``content`` is the same file's bytes.

    Raises:
        UnreadableImage: the pixels are damaged or memory is short.
    """
    notes = []
    with decoder_errors(content):
        if getattr(image, "is_animated", False):
            notes.append("first frame used")
        # Pillow turns a TIFF upright while it loads, and drops the tag.
        recorded = _tiff_orientation(image)
        image.load()
        left = read_orientation(image)
        rgb, note = _to_rgb(image)
        if note:
            notes.append(note)
        if left in _UPRIGHT:
            rgb = rgb.transpose(_UPRIGHT[left])
        orientation = recorded or left
        if orientation in _UPRIGHT:
            notes.append("turned upright")
    return DecodedImage(rgb, tuple(notes), orientation)


def read_orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation of a loaded picture, 1 to 8; None if absent or damaged."""
    try:
        return _valid_orientation(image.getexif().get(ORIENTATION_TAG))
    except DECODER_ERRORS:
        return None


def _tiff_orientation(image: ImageFile.ImageFile) -> int | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _valid_orientation(image.tag_v2.get(ORIENTATION_TAG))
    return None


def _valid_orientation(value: object) -> int | None:
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else None


def _to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Return a loaded picture as RGB, and a note on how if it was not plain."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image, ""
    if image.mode in _ALPHA_MODES or ("transparency" in image.info and image.mode != "I;16"):
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white, "alpha laid over white"
    if image.mode.startswith(("I", "F")):
        grey = Image.fromarray(_to_8_bit(np.asarray(image)))
        return grey.convert("RGB"), f"scaled from mode {image.mode} to 8 bit"
    return image.convert("RGB"), "" if image.mode == "L" else f"converted from mode {image.mode}"


def _to_8_bit(pixels: Num[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Scale grey values to [0, 255].

    Sixteen-bit values keep their scale (65,535 becomes 255). Wider integers and floats have no
    agreed white: the smallest of 1 (floats only), 255, 65,535 and the maximum that holds all
    values becomes 255. Negative values and NaN become 0.
    """
    if pixels.dtype.itemsize == 2:
        wide = pixels.astype(np.uint32)
        return ((wide * 255 + 32767) // 65535).astype(np.uint8)
    values = np.nan_to_num(pixels.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    highest = values.max(initial=0.0)
    whites = (1.0, 255.0, 65535.0) if pixels.dtype.kind == "f" else (255.0, 65535.0)
    white = next((white for white in whites if highest <= white), highest)
    return np.rint(values.clip(0) * (255.0 / white)).astype(np.uint8)
