"""Heat maps: from a coarse grid to pixels, from any range to [0, 1]."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor


def to_pixels(
    coarse: Float[Tensor, "n rows columns"], size_px: tuple[int, int]
) -> Float[Tensor, "n h w"]:
    """Return maps enlarged to ``size_px`` (height, width), bilinearly."""
    fine = F.interpolate(coarse[:, None], size=size_px, mode="bilinear", align_corners=False)
    return fine[:, 0]


def rescale(maps: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    """Return maps in [0, 1]: negative values become 0, each map's largest 1; blank stays blank."""
    positive = maps.clamp(min=0)
    largest = positive.amax(dim=(1, 2), keepdim=True)
    return torch.where(largest > 0, positive / largest.clamp(min=1e-30), 0.0)


def stretch(maps: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    """Return maps in [0, 1]: each map's smallest value becomes 0 and its largest 1.

    A map whose values differ by rounding alone becomes blank.
    """
    floor = maps.amin(dim=(1, 2), keepdim=True)
    span = maps.amax(dim=(1, 2), keepdim=True) - floor
    meant = span > 1e-5 * maps.abs().amax(dim=(1, 2), keepdim=True)
    return torch.where(meant, (maps - floor) / span.clamp(min=1e-30), 0.0)


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
    ranks = [rankdata(_pool(heat, cell_px)) for heat in (first, second)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _pool(heat: Float[np.ndarray, "h w"], cell_px: int) -> Float[np.ndarray, " cells"]:
    cell = max(1, min(cell_px, *heat.shape))
    rows, columns = heat.shape[0] // cell, heat.shape[1] // cell
    blocks = heat[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    # Rounded, so that a blank map's float noise does not become ranks.
    return blocks.mean(axis=(1, 3)).round(6).ravel()
