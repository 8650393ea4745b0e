"""Numbers that say where a heat map lies, so that many maps can be compared without looking."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy.ndimage import uniform_filter
from scipy.stats import mannwhitneyu

BORDER: Final = 0.1
"""Width of the border as a share of each side; it covers 36 % of the picture."""

TOP: Final = 0.1
"""Share of pixels that counts as the top."""

FEWEST: Final = 5
"""Images of a kind below which kinds are not compared: no difference could be shown."""

LEAST_AREA: Final = 0.02
"""Share of a picture that a kind of region must cover for the map's part in it to be measured."""

FLAT_SPREAD: Final = 4.0
"""Standard deviation of brightness, of 255, below which a neighbourhood is flat."""

DETAIL_SPREAD: Final = 14.0
"""Standard deviation of brightness, of 255, above which a neighbourhood has detail."""

SKIN_CB: Final = (77.0, 127.0)
SKIN_CR: Final = (133.0, 173.0)
"""Chroma of human skin of all tones in YCbCr (Chai and Ngan 1999, section III-A)."""


@dataclass(frozen=True)
class Detail:
    """What a picture has where, found once for all of its maps."""

    edges: Float[np.ndarray, "h w"]
    """Strength of brightness edges, in levels a pixel."""
    saturation: Float[np.ndarray, "h w"]
    """Colour saturation in [0, 1]."""
    flat: Bool[np.ndarray, "h w"]
    """Neighbourhoods (a 16th of the short side) of nearly one brightness: sky, walls, blur."""
    face_like: Bool[np.ndarray, "h w"]
    """Neighbourhoods (an 8th of the short side) of mostly skin colour that have detail, as faces
    and hands do. No face is looked for: wood, sand, fur and sepia prints count too, and faces
    in coloured light, in grey or very small ones do not."""


def find_detail(rgb: UInt8[np.ndarray, "h w 3"]) -> Detail:
    """Return what a picture has where."""
    pixels = rgb.astype(np.float32)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    down, right = np.gradient(grey)
    largest, smallest = pixels.max(axis=2), pixels.min(axis=2)
    short = min(grey.shape)
    fine, coarse = max(3, short // 16), max(3, short // 8)
    chroma_blue, chroma_red = 128 + 0.564 * (blue - grey), 128 + 0.713 * (red - grey)
    skin = (
        (chroma_blue >= SKIN_CB[0])
        & (chroma_blue <= SKIN_CB[1])
        & (chroma_red >= SKIN_CR[0])
        & (chroma_red <= SKIN_CR[1])
    )
    mostly_skin = uniform_filter(skin.astype(np.float32), coarse) > 0.5
    return Detail(
        edges=np.hypot(down, right),
        saturation=(largest - smallest) / np.maximum(largest, 1),
        flat=_spread(grey, fine) < FLAT_SPREAD,
        face_like=mostly_skin & (_spread(grey, coarse) > DETAIL_SPREAD),
    )


def _spread(grey: Float[np.ndarray, "h w"], window: int) -> Float[np.ndarray, "h w"]:
    """Return the standard deviation of brightness in each pixel's neighbourhood."""
    mean = uniform_filter(grey, window)
    return np.sqrt(np.maximum(uniform_filter(grey**2, window) - mean**2, 0))


@dataclass(frozen=True)
class Region:
    """Where one map lies. A blank map has none of these."""

    centre_x: float
    """Centre of mass from the left, in [0, 1]."""
    centre_y: float
    """Centre of mass from the top, in [0, 1]."""
    border_share: float
    """Share of the map's mass in the outer tenth of each side; 0.36 for an even map."""
    top_share: float
    """Share of the mass in the hottest tenth of the pixels; 0.1 for an even map."""
    entropy: float
    """Entropy over pixels as a share of the largest possible; 1 for an even map."""
    edge_ratio: float
    """Mean edge strength under the map over the picture's mean; 1 where edges play no part."""
    saturation_ratio: float
    """Mean colour saturation under the map over the picture's mean."""
    flat_ratio: float | None
    """Share of the mass in flat regions over their share of the picture; None without any."""
    face_like_ratio: float | None
    """The same for face-like detail; see ``Detail.face_like`` for what that is and is not."""


def measure_region(heat: Float[np.ndarray, "h w"], detail: Detail) -> Region | None:
    """Return where a map lies, or None for a blank map, which lies nowhere.

    Args:
        heat: map in [0, 1].
        detail: of the picture it explains.
    """
    total = float(heat.sum(dtype=np.float64))
    if total == 0:
        return None
    mass = heat.astype(np.float64) / total
    height, width = mass.shape
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    inner_rows = (rows > BORDER) & (rows < 1 - BORDER)
    inner_columns = (columns > BORDER) & (columns < 1 - BORDER)
    count = max(1, round(TOP * mass.size))
    hottest = np.partition(mass, mass.size - count, axis=None)[-count:]
    seen = mass[mass > 0]
    return Region(
        centre_x=float(mass.sum(axis=0) @ columns),
        centre_y=float(mass.sum(axis=1) @ rows),
        border_share=float(np.clip(1 - mass[np.ix_(inner_rows, inner_columns)].sum(), 0, 1)),
        top_share=float(hottest.sum()),
        entropy=float(max(0.0, -(seen @ np.log(seen))) / np.log(mass.size)),
        edge_ratio=_compare_mean(mass, detail.edges),
        saturation_ratio=_compare_mean(mass, detail.saturation),
        flat_ratio=_compare_area(mass, detail.flat),
        face_like_ratio=_compare_area(mass, detail.face_like),
    )


def _compare_mean(mass: Float[np.ndarray, "h w"], detail: Float[np.ndarray, "h w"]) -> float:
    average = float(detail.mean())
    return float((mass * detail).sum()) / average if average > 0 else 1.0


def _compare_area(mass: Float[np.ndarray, "h w"], region: Bool[np.ndarray, "h w"]) -> float | None:
    area = float(region.mean())
    return float(mass[region].sum()) / area if area >= LEAST_AREA else None


@dataclass(frozen=True)
class Difference:
    """How a number differs between two kinds of images."""

    first_mean: float
    second_mean: float
    cliffs_delta: float
    """Chance that the first kind's number is larger minus chance that it is smaller, in [−1, 1];
    0.15, 0.33 and 0.47 are commonly called small, medium and large (Romano et al. 2006)."""
    p_value: float
    """Chance of a difference as large where there is none (Mann-Whitney, two-sided)."""


def compare_samples(
    first: Float[np.ndarray, " m"], second: Float[np.ndarray, " n"]
) -> Difference | None:
    """Return how two samples differ, or None where one has fewer than ``FEWEST`` values."""
    if min(len(first), len(second)) < FEWEST:
        return None
    test = mannwhitneyu(first, second, alternative="two-sided")
    delta = 2 * float(test.statistic) / (len(first) * len(second)) - 1
    # Where all values are one, the test divides by no spread, and SciPy from 1.18 on says NaN.
    p_value = float(test.pvalue) if np.ptp([*first, *second]) > 0 else 1.0
    return Difference(float(first.mean()), float(second.mean()), delta, p_value)
