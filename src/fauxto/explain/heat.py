"""Heat maps as arrays: from a coarse grid to pixels, to [0, 1], and how alike two are."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import zoom
from scipy.stats import rankdata


def enlarge(
    coarse: Float[np.ndarray, "n rows columns"], size_px: tuple[int, int]
) -> Float[np.ndarray, "n h w"]:
    """Return maps enlarged to ``size_px`` (height, width), bilinearly."""
    factors = (1, size_px[0] / coarse.shape[1], size_px[1] / coarse.shape[2])
    return zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")


def keep_positive(maps: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    """Return maps in [0, 1]: negative values become 0, each map's largest 1; blank stays blank."""
    positive = np.maximum(maps, 0)
    largest = positive.max(axis=(1, 2), keepdims=True)
    return positive / np.where(largest > 0, largest, 1)


def pool(heat: Float[np.ndarray, "h w"], cell_px: int) -> Float[np.ndarray, "rows columns"]:
    """Return a map averaged over squares of a side; what is left over at the rim is dropped."""
    cell = max(1, min(cell_px, *heat.shape))
    rows, columns = heat.shape[0] // cell, heat.shape[1] // cell
    blocks = heat[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    return blocks.mean(axis=(1, 3))


def rank_agreement(
    first: Float[np.ndarray, "h w"], second: Float[np.ndarray, "h w"], cell_px: int = 8
) -> float:
    """Return Spearman's rank correlation of two maps, in [−1, 1]; 0 where one of them is flat.

    Args:
        first: a map.
        second: a map of the same size.
        cell_px: maps are averaged over squares of this side first, so that one position counts
            about once.
    """
    # Rounded, so that a blank map's float noise does not become ranks.
    ranks = [rankdata(pool(heat, cell_px).round(6)) for heat in (first, second)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
