"""Heat maps in colour, and over the picture they explain."""

from typing import Final

import numpy as np
from jaxtyping import Float, UInt8

_STOPS: Final = (
    "440154", "481769", "472a7a", "433d84", "3d4e8a", "355e8d", "2e6d8e", "297b8e", "23898e",
    "1f978b", "21a585", "2eb37c", "46c06f", "65cb5e", "89d548", "b0dd2f", "d8e219", "fde725",
)  # fmt: skip
_TABLE: Final = np.array([list(bytes.fromhex(stop)) for stop in _STOPS], dtype=np.float64)

HEAT_GRADIENT: Final = f"linear-gradient(90deg, {', '.join('#' + stop for stop in _STOPS)})"
"""The colour scale from 0 (left) to 1 as a CSS background."""


def colour_map(heat: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Return a heat map in the colours of viridis.

    Viridis (van der Walt and Smith 2015) is perceptually uniform and readable with every common
    colour blindness and in grey.

    Args:
        heat: values in [0, 1]; 0 is dark violet, 1 yellow; values outside are clipped.
    """
    position = np.clip(heat, 0.0, 1.0) * (len(_TABLE) - 1)
    stops = np.arange(len(_TABLE))
    channels = [np.interp(position, stops, _TABLE[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def overlay_heat(
    rgb: UInt8[np.ndarray, "h w 3"], heat: Float[np.ndarray, "h w"], strength: float = 0.5
) -> UInt8[np.ndarray, "h w 3"]:
    """Return a picture with its heat map laid over it.

    Args:
        rgb: the picture.
        heat: values in [0, 1], of the picture's size.
        strength: share of the heat map's colour in [0, 1]; 0 is the picture alone.

    Raises:
        ValueError: the strength is out of range.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must lie in [0, 1], not {strength}")
    mixed = (1 - strength) * rgb + strength * colour_map(heat)
    return mixed.round().astype(np.uint8)
