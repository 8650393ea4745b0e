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
from fauxto.imaging.colour import to_rgb
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
_FIRST_TURNED: Final = 5  # from here on width and height change places
_MIRRORED_ACROSS: Final = (2, 3, 6, 7)
_MIRRORED_DOWN: Final = (3, 4, 7, 8)
"""Orientations whose upright picture begins where a stored row, or column, ends."""
_MAX_DCT_FACTOR: Final = 8
Box = tuple[float, float, float, float]


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
        size: width and height of the upright picture at full size; ``rgb`` is smaller where it
            was reduced.
        frame: left, top, right and bottom of the picture in ``rgb``: all of it, or, where it was
            reduced by a factor that does not divide its sides, up to the fraction of a pixel.
    """

    rgb: Image.Image
    notes: tuple[str, ...]
    orientation: int | None
    size: tuple[int, int]
    frame: Box


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
    except FileNotFoundError as error:
        raise UnreadableImage(ImageStatus.UNREADABLE, "there is no such file") from error
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
    content: bytes,
    limits: Limits = Limits(),
    *,
    choose_factor: Callable[[tuple[int, int]], int] | None = None,
) -> DecodedImage:
    """Return the picture that a file holds.

    Args:
        content: the whole file.
        limits: of pixels and bytes.
        choose_factor: gives, from width and height, the ``factor`` of ``decode_opened``.

    Raises:
        UnreadableImage: it is no allowed picture, damaged, or over a limit.
    """
    _check_bytes(len(content), limits)
    image = open_header(content, limits)
    factor = 1 if choose_factor is None else choose_factor(image.size)
    return decode_opened(image, content, factor)


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
        raise UnreadableImage(
            ImageStatus.NOT_AN_IMAGE, "the bytes begin like no known picture format"
        )
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


def decode_opened(image: Image.Image, content: bytes, factor: int = 1) -> DecodedImage:
    """Decode a picture from ``open_header``; ``content`` is the same file's bytes.

    A JPEG is reduced up to 8 times by leaving out high frequencies of its blocks. Every coded
    coefficient is read all the same: what is cut or damaged is found as at full size, in the same
    words. Everything else is reduced by box means.

    Args:
        image: fresh from ``open_header``, or any picture in memory, with no content.
        content: the file.
        factor: a power of two that both sides are divided by.

    Raises:
        UnreadableImage: the pixels are damaged or memory is short.
    """
    notes, header_size = [], image.size
    with decoder_errors(content):
        if getattr(image, "is_animated", False):
            notes.append("first frame used")
        # Pillow turns a TIFF upright while it loads, and drops the tag.
        recorded = _tiff_orientation(image)
        done = _reduce_jpeg(image, factor)
        image.load()
        stored_size = image.size if done == 1 else header_size
        left = read_orientation(image)
        rgb, note = to_rgb(image)
        if note:
            notes.append(note)
        if factor > done:
            rgb = rgb.reduce(factor // done)
        frame, size = _turn_frame(rgb.size, stored_size, factor, left)
        if left in _UPRIGHT:
            rgb = rgb.transpose(_UPRIGHT[left])
        orientation = recorded or left
        if orientation in _UPRIGHT:
            notes.append("turned upright")
    return DecodedImage(rgb, tuple(notes), orientation, size, frame)


def _reduce_jpeg(image: Image.Image, factor: int) -> int:
    """Tell a JPEG's decoder to reduce, and return by how much it will."""
    if factor == 1 or not isinstance(image, JpegImagePlugin.JpegImageFile):
        return 1
    size, scale = image.size, min(factor, _MAX_DCT_FACTOR)
    image.draft(None, (max(1, size[0] // scale), max(1, size[1] // scale)))
    return scale if image.size != size else 1


def _turn_frame(
    stored: tuple[int, int], full: tuple[int, int], factor: int, orientation: int | None
) -> tuple[Box, tuple[int, int]]:
    """Return where the upright picture lies in the reduced one, and its full size."""
    width, height = full[0] / factor, full[1] / factor
    left = stored[0] - width, stored[1] - height
    if orientation is not None and orientation >= _FIRST_TURNED:
        width, height, full, left = height, width, full[::-1], left[::-1]
    x = left[0] if orientation in _MIRRORED_ACROSS else 0.0
    y = left[1] if orientation in _MIRRORED_DOWN else 0.0
    return (x, y, x + width, y + height), full


def read_orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation of a loaded picture, 1 to 8; None if absent or damaged."""
    try:
        return _valid_orientation(image.getexif().get(ORIENTATION_TAG))
    except DECODER_ERRORS:
        return None


def _tiff_orientation(image: Image.Image) -> int | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _valid_orientation(image.tag_v2.get(ORIENTATION_TAG))
    return None


def _valid_orientation(value: object) -> int | None:
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else None
