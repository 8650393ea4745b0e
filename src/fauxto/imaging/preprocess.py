"""An upright RGB picture to the network's input: the only place where this is computed."""

import numpy as np
from jaxtyping import Float32
from PIL import Image

from fauxto.core.records import Fit, Preprocess, Resample

_LANCZOS = Image.Resampling.LANCZOS
_GREY = (128, 128, 128)


def fit_image(rgb: Image.Image, preprocess: Preprocess) -> Image.Image:
    """Return the picture as a square of ``preprocess.size_px``.

    A picture that already has this size comes back with the same pixels.

    Args:
        rgb: mode RGB, upright.
        preprocess: size, fit and resampling. ``squash`` with ``exact`` is exactly Pillow's
            ``resize((size_px, size_px), LANCZOS)``.
    """
    side = preprocess.size_px
    width, height = rgb.size
    short = min(width, height)
    match preprocess.fit:
        case Fit.SQUASH:
            return _scale(rgb, preprocess.resample, (side, side))
        case Fit.PAD:
            return _pad(rgb, preprocess)
        case Fit.NATIVE_CROP if short >= side:
            left, top = (width - side) // 2, (height - side) // 2
            return rgb.crop((left, top, left + side, top + side))
        case Fit.CROP | Fit.NATIVE_CROP:
            x, y = (width - short) / 2, (height - short) / 2
            square = (x, y, x + short, y + short)
            return _scale(rgb, preprocess.resample, (side, side), square)


def _pad(rgb: Image.Image, preprocess: Preprocess) -> Image.Image:
    side = preprocess.size_px
    scale = side / max(rgb.size)
    width, height = (max(1, round(length * scale)) for length in rgb.size)
    scaled = _scale(rgb, preprocess.resample, (width, height))
    if scaled.size == (side, side):
        return scaled
    square = Image.new("RGB", (side, side), _GREY)
    square.paste(scaled, ((side - width) // 2, (side - height) // 2))
    return square


def _scale(
    rgb: Image.Image,
    resample: Resample,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    if resample is Resample.EXACT:
        return rgb.resize(size, _LANCZOS, box=box)
    # Box-reduce by whole factors first, down to at least twice the size.
    return rgb.resize(size, _LANCZOS, box=box, reducing_gap=2.0)


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
