"""A file to the network's input: the only place where this is computed."""

from functools import partial
from typing import Final

import numpy as np
from jaxtyping import Float32
from PIL import Image

from fauxto.core.records import Fit, Preprocess, Resample
from fauxto.imaging.decode import DecodedImage, Limits, decode_rgb

BASE_PX: Final = 512
"""Least short side to which a picture is reduced before anything is measured or scaled; with it,
most pictures need one reduction for the audit and for the usual input sizes."""

_LANCZOS = Image.Resampling.LANCZOS
_GREY = (128, 128, 128)


def reduction(size: tuple[int, int], preprocess: Preprocess) -> int:
    """Return the power of two by which a picture of a size is reduced before it is scaled.

    1 with ``exact`` and where nothing is scaled; with ``fast`` the largest that leaves the short
    side at least ``BASE_PX`` and twice ``size_px``.

    >>> reduction((4000, 3000), Preprocess(size_px=224, resample=Resample.FAST))
    4
    """
    if preprocess.resample is Resample.EXACT or preprocess.fit is Fit.NATIVE_CROP:
        return 1
    return halve_down_to(min(size), max(BASE_PX, 2 * preprocess.size_px))


def halve_down_to(short: int, least: int) -> int:
    """Return the largest power of two by which a side can be divided and keep a least length."""
    return 1 << max(0, (short // least).bit_length() - 1)


def load_fitted(content: bytes, preprocess: Preprocess, limits: Limits) -> Image.Image:
    """Return a file's picture as a square of ``preprocess.size_px``.

    Args:
        content: the whole file.
        preprocess: size, fit and resampling. ``squash`` with ``exact`` is exactly Pillow's
            ``resize((size_px, size_px), LANCZOS)``; ``fast`` reduces by ``reduction`` first, a
            JPEG while it is decoded.
        limits: of pixels and bytes.

    Raises:
        UnreadableImage: it is no allowed picture, damaged, or over a limit.
    """
    choose = partial(reduction, preprocess=preprocess)
    return fit_decoded(decode_rgb(content, limits, choose_factor=choose), preprocess)


def fit_image(rgb: Image.Image, preprocess: Preprocess) -> Image.Image:
    """Return a picture in memory as a square of ``preprocess.size_px``.

    A picture that already has this size comes back with the same pixels. With ``fast`` it is
    reduced by box means, which a JPEG's own reduction only resembles: where there is a file,
    ``load_fitted`` is the way that training, evaluating and predicting share.

    Args:
        rgb: mode RGB, upright.
        preprocess: size, fit and resampling.
    """
    factor = reduction(rgb.size, preprocess)
    reduced = rgb.reduce(factor) if factor > 1 else rgb
    width, height = rgb.size
    frame = (0.0, 0.0, width / factor, height / factor)
    return fit_decoded(DecodedImage(reduced, (), None, rgb.size, frame), preprocess)


def fit_decoded(decoded: DecodedImage, preprocess: Preprocess) -> Image.Image:
    """Return a picture as a square; it may be reduced, but only by ``reduction``."""
    side = preprocess.size_px
    width, height = decoded.size
    short = min(width, height)
    match preprocess.fit:
        case Fit.SQUASH:
            return decoded.rgb.resize((side, side), _LANCZOS, box=decoded.frame)
        case Fit.PAD:
            return _pad(decoded, side)
        case Fit.NATIVE_CROP if short >= side:
            x, y = (width - side) // 2, (height - side) // 2
            return decoded.rgb.crop((x, y, x + side, y + side))
        case Fit.CROP | Fit.NATIVE_CROP:
            left, top, right, bottom = decoded.frame
            half = min(right - left, bottom - top) / 2
            centre = (left + right) / 2, (top + bottom) / 2
            square = (centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
            return decoded.rgb.resize((side, side), _LANCZOS, box=square)


def _pad(decoded: DecodedImage, side: int) -> Image.Image:
    scale = side / max(decoded.size)
    width, height = (max(1, round(length * scale)) for length in decoded.size)
    scaled = decoded.rgb.resize((width, height), _LANCZOS, box=decoded.frame)
    if scaled.size == (side, side):
        return scaled
    square = Image.new("RGB", (side, side), _GREY)
    square.paste(scaled, ((side - width) // 2, (side - height) // 2))
    return square


def to_input(fitted: Image.Image, preprocess: Preprocess) -> Float32[np.ndarray, "3 h w"]:
    """Return ``(pixels / 255 - mean) / std``, channels first; what torchvision's ToTensor and
    Normalize give.

    Args:
        fitted: mode RGB, any size.
        preprocess: mean and standard deviation of each channel.
    """  # noqa: D205 - the first sentence is one formula
    pixels = np.asarray(fitted, dtype=np.float32) / np.float32(255)
    mean = np.asarray(preprocess.mean, dtype=np.float32)
    std = np.asarray(preprocess.std, dtype=np.float32)
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def preprocess_image(rgb: Image.Image, preprocess: Preprocess) -> Float32[np.ndarray, "3 s s"]:
    """Return the network's input for an upright RGB picture: ``fit_image`` then ``to_input``."""
    return to_input(fit_image(rgb, preprocess), preprocess)
