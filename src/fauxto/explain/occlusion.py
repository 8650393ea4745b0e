"""Occlusion: cover one square after another and watch the log odds."""

from typing import Final

import torch
from captum.attr import Occlusion
from jaxtyping import Float
from torch import Tensor, nn

from fauxto.explain.hooks import borrowed
from fauxto.explain.layout import Layout
from fauxto.explain.maps import rescale
from fauxto.explain.target import log_odds

STEPS_ACROSS: Final = 8
"""Places of the square along the shorter side."""

SQUARE: Final = 0.2
"""Side of the square as a share of the shorter side; neighbours overlap a little."""

IMAGES_AT_ONCE: Final = 64
"""Covered images in one forward pass."""


def explain_by_occlusion(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    directions: Float[Tensor, " n"],
    layout: Layout,  # noqa: ARG001 - works on any network
) -> Float[Tensor, "n h w"]:
    """Return maps in [0, 1]: how much the asked side loses when a square becomes mean colour.

    Args:
        module: a network that gives two logits.
        inputs: normalised images; 0 is the data's mean colour.
        directions: +1 explains fake, −1 real.
        layout: not used.

    Source:
        Zeiler and Fergus 2014, section 4.2; captum's ``Occlusion``.
    """
    short = min(inputs.shape[-2:])
    stride = max(1, short // STEPS_ACROSS)
    side = max(stride, round(SQUARE * short))

    def asked(images: Tensor, sides: Tensor) -> Tensor:
        return sides * log_odds(module, images)

    with borrowed(module), torch.no_grad():
        loss = Occlusion(asked).attribute(
            inputs,
            sliding_window_shapes=(3, side, side),
            strides=(3, stride, stride),
            baselines=0.0,
            additional_forward_args=(directions,),
            perturbations_per_eval=max(1, IMAGES_AT_ONCE // inputs.shape[0]),
        )
    return rescale(loss[:, 0])
