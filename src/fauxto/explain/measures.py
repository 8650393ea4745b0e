"""Numbers that say where a heat map lies, so that many maps can be compared without looking."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8
from scipy.stats import mannwhitneyu

BORDER: Final = 0.1
"""Width of the border as a share of each side; it covers 36 % of the picture."""

TOP: Final = 0.1
"""Share of pixels that counts as the top."""

FEWEST: Final = 5
"""Images of a kind below which kinds are not compared: no difference could be shown."""


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


def measure_region(
    heat: Float[np.ndarray, "h w"], rgb: UInt8[np.ndarray, "h w 3"]
) -> Region | None:
    """Return where a map lies, or None for a blank map, which lies nowhere.

    Args:
        heat: map in [0, 1].
        rgb: the picture it explains.
    """
    total = float(heat.sum(dtype=np.float64))
    if total == 0:
        return None
    mass = heat.astype(np.float64) / total
    height, width = mass.shape
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    inner_rows = (rows > BORDER) & (rows < 1 - BORDER)
    inner_columns = (columns > BORDER) & (columns < 1 - BORDER)
    flat = np.sort(mass, axis=None)[::-1]
    seen = flat[flat > 0]
    edges, saturation = _edge_strength(rgb), _saturation(rgb)
    return Region(
        centre_x=float(mass.sum(axis=0) @ columns),
        centre_y=float(mass.sum(axis=1) @ rows),
        border_share=float(np.clip(1 - mass[np.ix_(inner_rows, inner_columns)].sum(), 0, 1)),
        top_share=float(flat[: max(1, round(TOP * flat.size))].sum()),
        entropy=float(max(0.0, -(seen @ np.log(seen))) / np.log(flat.size)),
        edge_ratio=_ratio(mass, edges),
        saturation_ratio=_ratio(mass, saturation),
    )


def _ratio(mass: Float[np.ndarray, "h w"], detail: Float[np.ndarray, "h w"]) -> float:
    average = float(detail.mean())
    return float((mass * detail).sum()) / average if average > 0 else 1.0


def _edge_strength(rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    grey = rgb.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    down, right = np.gradient(grey)
    return np.hypot(down, right)


def _saturation(rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    largest, smallest = rgb.max(axis=2).astype(np.float64), rgb.min(axis=2).astype(np.float64)
    return np.where(largest > 0, (largest - smallest) / np.maximum(largest, 1), 0.0)


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
    return Difference(float(first.mean()), float(second.mean()), delta, float(test.pvalue))
