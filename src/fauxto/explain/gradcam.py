"""Class activation maps by gradients: Grad-CAM and its sharper relatives, on grids and tokens."""

from collections.abc import Callable
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fauxto.explain.hooks import borrowed, log_odds, recorded_layer
from fauxto.explain.layout import Layout, to_grid
from fauxto.explain.maps import rescale, to_pixels

Combine = Callable[[Tensor, Tensor], Tensor]


def combine_mean(
    features: Float[Tensor, "n c rows columns"], gradients: Float[Tensor, "n c rows columns"]
) -> Float[Tensor, "n rows columns"]:
    """Weigh each channel by its mean gradient.

    Source:
        Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2.
    """
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    return (weights * features).sum(dim=1)


def combine_plus_plus(
    features: Float[Tensor, "n c rows columns"], gradients: Float[Tensor, "n c rows columns"]
) -> Float[Tensor, "n rows columns"]:
    """Weigh each channel by its positive gradients, rare ones more.

    Source:
        Chattopadhay et al. 2018, "Grad-CAM++", equations 5 and 19, for a score that is the
        exponential of the log odds.
    """
    squared, cubed = gradients**2, gradients**3
    below = 2 * squared + features.sum(dim=(2, 3), keepdim=True) * cubed
    alpha = torch.where(below.abs() > 1e-12, squared / below, 0.0)
    weights = (alpha * gradients.clamp(min=0)).sum(dim=(2, 3), keepdim=True)
    return (weights * features).sum(dim=1)


def combine_elementwise(
    features: Float[Tensor, "n c rows columns"], gradients: Float[Tensor, "n c rows columns"]
) -> Float[Tensor, "n rows columns"]:
    """Multiply features and gradients position by position.

    Source:
        Draelos and Carin 2020, "HiResCAM", equation 3: exact for a network that ends in one
        linear layer.
    """
    return (gradients * features).sum(dim=1)


def combine_positive(
    features: Float[Tensor, "n c rows columns"], gradients: Float[Tensor, "n c rows columns"]
) -> Float[Tensor, "n rows columns"]:
    """Multiply features and positive gradients position by position.

    Source:
        Jiang et al. 2021, "LayerCAM", equations 4 and 5.
    """
    return (gradients.clamp(min=0) * features).sum(dim=1)


COMBINATIONS: Final[dict[str, Combine]] = {
    "gradcam": combine_mean,
    "gradcam++": combine_plus_plus,
    "hirescam": combine_elementwise,
    "layercam": combine_positive,
}
"""Ways to make one map of features and their gradients."""


def explain_by_gradcam(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    directions: Float[Tensor, " n"],
    layout: Layout,
    *,
    combine: Combine = combine_mean,
) -> Float[Tensor, "n h w"]:
    """Return class activation maps in [0, 1] from the layer ``layout.cam_layer``.

    A ViT's patch tokens are laid out as their grid; its prefix tokens have no place in the
    picture and are left out.

    Args:
        module: a network that gives two logits.
        inputs: normalised images.
        directions: +1 explains fake, −1 real.
        layout: the layer, and how tokens map to pixels.
        combine: one of ``COMBINATIONS``.

    Raises:
        RecipeError: the layer does not exist or its output has no positions.
    """
    with borrowed(module), recorded_layer(module, layout.cam_layer) as recording:
        odds = log_odds(module, inputs)
        features = recording.only(f"layer {layout.cam_layer!r}")
        (gradients,) = torch.autograd.grad((directions * odds).sum(), features)
    features = features.detach()
    coarse = combine(to_grid(features, inputs, layout), to_grid(gradients, inputs, layout))
    height, width = inputs.shape[-2:]
    return rescale(to_pixels(coarse.clamp(min=0), (height, width)))
