"""Everything that an audit wants to know of one file, from one read and one decode."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageFile, JpegImagePlugin

from fauxto.core.errors import ImageStatus, UnreadableImage
from fauxto.imaging.container import read_origin
from fauxto.imaging.decode import (
    DecodedImage,
    Limits,
    decode_opened,
    decoder_errors,
    open_header,
    read_bytes,
)
from fauxto.imaging.hashing import hash_picture
from fauxto.imaging.preprocess import BASE_PX, fit_decoded, halve_down_to, reduction
from fauxto.imaging.properties import (
    estimate_jpeg_quality,
    halve_picture,
    measure_appearance,
    name_jpeg_subsampling,
    reduce_picture,
)
from fauxto.imaging.signature import ALLOWED, identify_format
from fauxto.imaging.squares import Squares

PAGE_PX: Final = 160
"""Longest side of the thumbnail for pages."""
_SAMPLED_ROWS: Final = 16
_MAX_BASE_PIXELS: Final = 8_000_000
_USUAL: Final = Limits()
Binary = bytes  # the record below has a column of that name


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What is known of one file; None is not known or not applicable.

    The first part are columns of ``images.parquet``. ``width`` and ``height`` are of the upright
    picture; of a file that cannot be decoded they are the header's. The last four go to the
    thumbnails: ``thumb16`` is 16 × 16 RGB pixels row by row, ``jpeg`` a small JPEG,
    ``phash_mirrored`` the hash of the mirrored picture. ``pixel_sha256`` digests the decoded
    picture: its size, its small copy (short side 256 to 511; up to 511 that is every pixel),
    and 16 rows of the copy it was made of (short side up to 1023: of every pixel). Digesting all
    pixels of a large picture would cost as much time as decoding it.
    """

    status: ImageStatus
    error: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    format: str | None = None
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    aspect: float | None = None
    frames: int | None = None
    orientation: int | None = None
    jpeg_quality: int | None = None
    jpeg_subsampling: str | None = None
    has_alpha: bool | None = None
    has_exif: bool | None = None
    camera: str | None = None
    software: str | None = None
    has_c2pa: bool | None = None
    generator_hint: str | None = None
    phash: int | None = None
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    saturation: float | None = None
    pixel_sha256: str | None = None
    phash_mirrored: int | None = None
    thumb16: Binary | None = None
    jpeg: Binary | None = None


def inspect_file(path: Path, limits: Limits = _USUAL, squares: Squares | None = None) -> ImageFacts:
    """Read and decode a file once and return all facts; a bad file is a status, never raised.

    The file passes Pillow's ``verify`` (checksums of PNG chunks) and a ``load`` of all its data.

    Args:
        path: the file.
        limits: of pixels and bytes.
        squares: where to keep the picture at the network's size, if the same decoding gives it.

    Raises:
        ArtifactError: the square cannot be written.
    """
    try:
        content = read_bytes(path, limits)
    except UnreadableImage as error:
        return ImageFacts(status=error.status, error=str(error), bytes=_size(path))
    return inspect_bytes(content, limits, squares)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None


def inspect_bytes(
    content: bytes, limits: Limits = _USUAL, squares: Squares | None = None
) -> ImageFacts:
    """Return the facts of a file's bytes, as ``inspect_file`` does."""
    facts: dict[str, Any] = {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "format": _allowed_format(content),
    }
    try:
        image = open_header(content, limits)
        with decoder_errors(content):
            facts |= _header_facts(image)
            image.verify()
        # verify() leaves nothing to load from; opening again parses the header only.
        image = open_header(content, limits)
        factor = _reduction(image.size)
        decoded = decode_opened(image, content, factor)
        with decoder_errors(content):
            facts |= _loaded_facts(image, decoded, content)
            facts |= _pixel_facts(decoded)
            square = None
            if squares and factor == reduction(decoded.size, squares.preprocess):
                square = fit_decoded(decoded, squares.preprocess)
    except UnreadableImage as error:
        return ImageFacts(status=error.status, error=str(error), **facts)
    if squares and square:
        squares.keep(facts["sha256"], square)
    return ImageFacts(status=ImageStatus.OK, **facts)


def _reduction(size: tuple[int, int]) -> int:
    """Return the power of two by which a picture is reduced before it is measured."""
    factor = halve_down_to(min(size), BASE_PX)
    while size[0] * size[1] > factor**2 * _MAX_BASE_PIXELS:
        factor *= 2
    return factor


def _allowed_format(content: bytes) -> str | None:
    image_format = identify_format(content)
    return image_format if image_format in ALLOWED else None


def _header_facts(image: ImageFile.ImageFile) -> dict[str, Any]:
    width, height = image.size
    facts: dict[str, Any] = {
        "format": image.format,
        "mode": image.mode,
        "width": width,
        "height": height,
        "aspect": width / height,
    }
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        facts["jpeg_quality"] = estimate_jpeg_quality(image)
        facts["jpeg_subsampling"] = name_jpeg_subsampling(image)
    facts["frames"] = getattr(image, "n_frames", 1)
    return facts


def _loaded_facts(
    image: ImageFile.ImageFile, decoded: DecodedImage, content: bytes
) -> dict[str, Any]:
    width, height = decoded.size
    origin = read_origin(content)
    return {
        "width": width,
        "height": height,
        "aspect": width / height,
        "orientation": decoded.orientation,
        "has_alpha": image.has_transparency_data,
        "has_exif": origin.has_exif,
        "camera": origin.camera,
        "software": origin.software,
        "has_c2pa": origin.has_c2pa,
        "generator_hint": origin.generator_hint,
    }


def _pixel_facts(decoded: DecodedImage) -> dict[str, Any]:
    small = reduce_picture(decoded.rgb)
    halved = halve_picture(small)
    hashes = hash_picture(halved)
    appearance = measure_appearance(small, halved)
    return {
        "phash": hashes.upright,
        "phash_mirrored": hashes.mirrored,
        "brightness": appearance.brightness,
        "contrast": appearance.contrast,
        "sharpness": appearance.sharpness,
        "saturation": appearance.saturation,
        "pixel_sha256": _digest_picture(decoded, small),
        "thumb16": halved.resize((16, 16), Image.Resampling.BOX).tobytes(),
        "jpeg": _encode_thumbnail(small),
    }


def _digest_picture(decoded: DecodedImage, small: Image.Image) -> str:
    rgb = decoded.rgb
    digest = hashlib.sha256("x".join(map(str, decoded.size)).encode())
    digest.update(small.tobytes())
    if small is not rgb:
        width, height = rgb.size
        for row in range(_SAMPLED_ROWS):
            y = row * height // _SAMPLED_ROWS
            digest.update(rgb.crop((0, y, width, y + 1)).tobytes())
    return digest.hexdigest()


def _encode_thumbnail(small: Image.Image) -> bytes:
    scale = min(1.0, PAGE_PX / max(small.size))
    size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
    thumbnail = small.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
    buffer = BytesIO()
    thumbnail.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
