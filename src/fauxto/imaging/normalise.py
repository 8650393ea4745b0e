"""Pixels to a network's numbers, written where the caller wants them."""

import numpy as np
from jaxtyping import Float32
from PIL import Image

from fauxto.core.records import Preprocess


def write_normalised(
    fitted: Image.Image, preprocess: Preprocess, out: Float32[np.ndarray, "h w 3"]
) -> None:
    """Write ``(pixels / 255 - mean) / std`` into ``out``; the numbers of ``to_input``, bit by bit.

    Channels come last, as Pillow keeps them, and whole rows are worked on at once: ten times as
    fast as three values at a time.

    Args:
        fitted: mode RGB, of the size of ``out``.
        preprocess: mean and standard deviation of each channel.
        out: contiguous; one picture of a batch.
    """
    height, width, channels = out.shape
    rows = out.reshape(height, width * channels)
    pixels = np.asarray(fitted).reshape(rows.shape)
    np.divide(pixels, np.float32(255), out=rows)
    np.subtract(rows, np.tile(np.asarray(preprocess.mean, np.float32), width), out=rows)
    np.divide(rows, np.tile(np.asarray(preprocess.std, np.float32), width), out=rows)
