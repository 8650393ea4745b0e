"""How a picture looks in four numbers, and how a JPEG was compressed."""

from dataclasses import dataclass
from math import isqrt
from typing import Final

import numpy as np
from PIL import Image, JpegImagePlugin

SMALL_PX: Final = 256
_MAX_SMALL_PIXELS: Final = 2_000_000

_STANDARD_LUMA: Final = np.array(
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
        14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ]
)  # fmt: skip
"""Luminance table of ITU-T T.81, annex K.1, row by row."""
_SUBSAMPLING: Final = {
    (1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1",
    (4, 2): "4:1:0",
}  # fmt: skip


def _standard_tables() -> np.ndarray:
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return ((scale[:, None] * _STANDARD_LUMA + 50) // 100).clip(1, 255)


_TABLES: Final = _standard_tables()


@dataclass(frozen=True)
class Appearance:
    """What a picture looks like, measured on its box-reduced copy.

    Attributes:
        brightness: mean luma (ITU-R 601) in [0, 1].
        contrast: standard deviation of luma / 255, in [0, 0.5].
        sharpness: variance of the four-neighbour Laplacian of grey levels 0 to 255; 0 or more,
            under about 10 looks blurred.
        saturation: mean over pixels of (max - min) / max of the three channels, in [0, 1].
    """

    brightness: float
    contrast: float
    sharpness: float
    saturation: float


def reduce_picture(rgb: Image.Image) -> Image.Image:
    """Return a picture reduced by a whole factor (box mean), short side 256 to 511 pixels.

    Smaller pictures come back as they are, very long ones are reduced to two megapixels.
    """
    width, height = rgb.size
    factor = max(1, min(width, height) // SMALL_PX)
    if width * height > factor**2 * _MAX_SMALL_PIXELS:
        factor = isqrt(width * height // _MAX_SMALL_PIXELS) + 1
    return rgb.reduce(factor) if factor > 1 else rgb


def halve_picture(small: Image.Image) -> Image.Image:
    """Return a picture reduced by two (box mean) if its short side is at least ``SMALL_PX``."""
    return small.reduce(2) if min(small.size) >= SMALL_PX else small


def measure_appearance(small: Image.Image, halved: Image.Image) -> Appearance:
    """Return brightness, contrast, sharpness and saturation.

    Args:
        small: mode RGB, from ``reduce_picture``.
        halved: of it, from ``halve_picture``; saturation is measured on it.
    """
    grey = small.convert("L")
    counts = np.asarray(grey.histogram(), dtype=np.float64)
    shares, luma = counts / counts.sum(), np.arange(256) / 255
    brightness = float(shares @ luma)
    contrast = float(np.sqrt(shares @ (luma - brightness) ** 2))
    return Appearance(
        brightness=brightness,
        contrast=contrast,
        sharpness=_laplacian_variance(np.asarray(grey)),
        saturation=_mean_saturation(halved),
    )


def _mean_saturation(rgb: Image.Image) -> float:
    red, green, blue = (np.asarray(channel) for channel in rgb.split())
    highest = np.maximum(np.maximum(red, green), blue)
    spread = highest - np.minimum(np.minimum(red, green), blue)
    # Black has no saturation: its spread is 0 as well.
    saturation = spread / np.maximum(highest, 1).astype(np.float32)
    return float(saturation.mean(dtype=np.float64))


def _laplacian_variance(grey: np.ndarray) -> float:
    if min(grey.shape) < 3:
        return 0.0
    levels = grey.astype(np.int16)
    laplacian = levels[1:-1, 1:-1] * np.int16(-4)
    for neighbour in (levels[:-2, 1:-1], levels[2:, 1:-1], levels[1:-1, :-2], levels[1:-1, 2:]):
        laplacian += neighbour
    values = laplacian.astype(np.float32).ravel()
    return float(np.dot(values, values) / values.size - values.mean(dtype=np.float64) ** 2)


def estimate_jpeg_quality(image: JpegImagePlugin.JpegImageFile) -> int | None:
    """Return the libjpeg quality, 1 to 100, whose luminance table is nearest to the file's.

    Exact for files written by libjpeg and its kin; the nearest equivalent for encoders with
    tables of their own; None where the file has no table.
    """
    table = image.quantization.get(0)
    if table is None or len(table) != 64:
        return None
    # From quality 100 down: where tables tie (only 8-bit clipping does that), the finer counts.
    distance = np.abs(_TABLES[::-1] - np.asarray(table)).sum(axis=1)
    return 100 - int(distance.argmin())


def name_jpeg_subsampling(image: JpegImagePlugin.JpegImageFile) -> str | None:
    """Return for example ``4:2:0``; None for grey and for four channels."""
    if image.layers != 3:
        return None
    (_, width, height, _), *chroma = image.layer
    if len({part[1:3] for part in chroma}) != 1 or 0 in chroma[0][1:3]:
        return None
    across, down = width / chroma[0][1], height / chroma[0][2]
    return next(
        (name for factors, name in _SUBSAMPLING.items() if factors == (across, down)),
        f"{across:g}x{down:g}",
    )
