"""Any of Pillow's modes to RGB, as a person would see it on white paper."""

from typing import Final

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image

_ALPHA_MODES: Final = ("RGBA", "LA", "PA", "RGBa", "La")


def to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
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
