"""Heat maps as tensors: from a coarse grid to pixels, from any range to [0, 1]."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
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
