"""Integrated gradients: what each pixel adds on the way from the mean colour to the image."""

from typing import Final

import torch
from captum.attr import IntegratedGradients
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from fauxto.explain.hooks import borrowed, log_odds
from fauxto.explain.layout import Layout
from fauxto.explain.maps import rescale

STEPS: Final = 24
"""Points of the Gauss-Legendre rule on the straight path."""

SMOOTHING: Final = 1 / 56
"""Standard deviation of the blur as a share of the shorter side: 4 px at 224."""


def explain_by_integrated_gradients(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    directions: Float[Tensor, " n"],
    layout: Layout,  # noqa: ARG001 - works on any network
) -> Float[Tensor, "n h w"]:
    """Return maps in [0, 1] of the pixels that speak for the asked side.

    Contributions are summed over colours and blurred a little, since single pixels flicker in
    sign; what is negative after that speaks for the other side and becomes 0.

    Args:
        module: a network that gives two logits.
        inputs: normalised images; 0, the data's mean colour, is the start of the path.
        directions: +1 explains fake, −1 real.
        layout: not used.

    Source:
        Sundararajan, Taly and Yan 2017, equation 1; captum's ``IntegratedGradients``.
    """

    def asked(images: Tensor, sides: Tensor) -> Tensor:
        return sides * log_odds(module, images)

    with borrowed(module):
        # A copy, so that the caller's tensor does not start to require gradients.
        contributions = IntegratedGradients(asked).attribute(
            inputs.detach().clone().requires_grad_(),
            baselines=0.0,
            additional_forward_args=(directions,),
            n_steps=STEPS,
            internal_batch_size=max(16, inputs.shape[0]),
        )
    pixels = contributions.detach().float().sum(dim=1)
    sigma = SMOOTHING * min(inputs.shape[-2:])
    smooth = gaussian_filter(pixels.cpu().numpy(), sigma=(0, sigma, sigma), truncate=3)
    return rescale(torch.from_numpy(smooth).to(inputs.device))
