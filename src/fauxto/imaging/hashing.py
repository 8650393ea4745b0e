"""Perceptual hashes: numbers that stay nearly the same when a picture is re-encoded or scaled."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64
from PIL import Image

_SIDE: Final = 32
_LOW: Final = 8


def _dct_matrix(size: int) -> Float64[np.ndarray, "n n"]:
    frequency, position = np.mgrid[0:size, 0:size]
    return np.cos(np.pi * frequency * (2 * position + 1) / (2 * size))


_DCT: Final = _dct_matrix(_SIDE)[:_LOW]
_MIRROR: Final = np.where(np.arange(_LOW) % 2, -1.0, 1.0)


@dataclass(frozen=True)
class PerceptualHashes:
    """Hashes of one picture; the distance of two is the number of bits that differ, 0 to 64.

    Attributes:
        upright: of the picture, 64 bits.
        mirrored: of the picture mirrored left to right, 64 bits.
    """

    upright: int
    mirrored: int


def hash_picture(picture: Image.Image) -> PerceptualHashes:
    """Return the 64-bit DCT hashes of a picture and its mirror image.

    The 8 × 8 lowest frequencies of the 32 × 32 grey picture, each set where it is above their
    median. Mirroring negates the odd horizontal frequencies, so it costs no second transform.

    Args:
        picture: mode RGB or L, any size.

    Source: Zauner 2010, Implementation and benchmarking of perceptual image hash functions,
    section 3.2.1, in the variant of the ``imagehash`` package (lowest frequency included).
    """
    grey = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    low = _DCT @ np.asarray(grey, dtype=np.float64) @ _DCT.T
    return PerceptualHashes(_pack_above_median(low), _pack_above_median(low * _MIRROR))


def _pack_above_median(low: Float64[np.ndarray, "8 8"]) -> int:
    # Rounded, so that what is zero but for the last bits of arithmetic stays zero everywhere.
    low = low.round(6)
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming_distance(one: int, other: int) -> int:
    """Return how many bits differ.

    >>> hamming_distance(0b1010, 0b0011)
    2
    """
    return (one ^ other).bit_count()
