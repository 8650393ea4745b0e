"""Power spectra of a few pictures of each class, read a second time at full size."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Float
from PIL import Image

from fauxto.core.errors import UnreadableImage
from fauxto.core.labels import LABELS, Label
from fauxto.data.stored import StoredImage, read_image
from fauxto.imaging.decode import Limits, decode_rgb

MAX_CROPS: Final = 100
"""Pictures of each class."""
MIN_CROPS: Final = 8
"""Pictures of each class below which an average says nothing."""
CROP_SIDES_PX: Final = (256, 128)
"""Sides of the central crop: the largest that enough pictures of both classes have."""

_LIMITS: Final = Limits(max_pixels=24_000_000)  # a picture for the page may not take long
_logger = logging.getLogger(__name__)


def sample_spectra(
    images: pl.DataFrame,
    find: Callable[[Sequence[str]], list[StoredImage]],
    rng: np.random.Generator,
) -> dict[Label, Float[np.ndarray, "n s s"]] | None:
    """Return power spectra of central crops of randomly drawn pictures, or None if too few.

    Args:
        images: the table of images, those that can be used.
        find: tells where the bytes of paths are; pictures no longer there are left out.
        rng: draws the pictures.
    """
    pixels = pl.col("width").cast(pl.Int64) * pl.col("height")
    moderate = images.filter(pixels <= _LIMITS.max_pixels)
    for side in CROP_SIDES_PX:
        large = moderate.filter(pl.min_horizontal("width", "height") >= side)
        classes = {label: large.filter(pl.col("label") == label.value) for label in LABELS}
        enough = all(rows.height >= max(MIN_CROPS, MAX_CROPS // 4) for rows in classes.values())
        last = side == CROP_SIDES_PX[-1]
        if not enough and not last:
            continue
        spectra = {}
        for label, rows in classes.items():
            chosen = np.sort(rng.permutation(rows.height)[:MAX_CROPS])
            crops = [_read_crop(image, side) for image in find(rows["path"][chosen].to_list())]
            readable = [crop for crop in crops if crop is not None]
            if len(readable) < MIN_CROPS:
                return None
            spectra[label] = np.stack([power_spectrum(crop) for crop in readable])
        return spectra
    return None


def power_spectrum(grey: Float[np.ndarray, "s s"]) -> Float[np.ndarray, "s s"]:
    """Return the power spectrum of a square crop, zero frequency in the middle.

    The crop is brought to mean 0 and variance 1, so that contrast does not count, and faded out
    towards its border (Hann window), so that the border does not count.

    Args:
        grey: grey levels in any unit.
    """
    centred = grey - grey.mean()
    spread = centred.std()
    if spread > 0:
        centred = centred / spread
    window = np.hanning(len(grey))
    amplitude = np.fft.fftshift(np.fft.fft2(centred * np.outer(window, window)))
    return np.abs(amplitude) ** 2 / grey.size


def _read_crop(image: StoredImage, side: int) -> Float[np.ndarray, "s s"] | None:
    try:
        rgb = decode_rgb(read_image(image, _LIMITS), _LIMITS).rgb
    except UnreadableImage as error:
        _logger.info("left out of the power spectra: %s: %s", image.path, error)
        return None
    return central_crop(rgb, side)


def central_crop(rgb: Image.Image, side: int) -> Float[np.ndarray, "s s"] | None:
    """Return the grey levels of the central square, or None if the picture is smaller."""
    width, height = rgb.size
    if min(width, height) < side:
        return None
    left, top = (width - side) // 2, (height - side) // 2
    square = rgb.crop((left, top, left + side, top + side)).convert("L")
    return np.asarray(square, dtype=np.float64)
