"""How each method is computed on a torch network, and the one door to it."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from fauxto.explain.catalogue import AUTO, choose_methods
from fauxto.explain.gradcam import COMBINATIONS, explain_by_gradcam
from fauxto.explain.hooks import attention_parts, borrowed, log_odds
from fauxto.explain.integrated import explain_by_integrated_gradients
from fauxto.explain.layout import Layout
from fauxto.explain.occlusion import occlude
from fauxto.explain.rollout import HeadFusion, explain_by_gradient_rollout, explain_by_rollout
from fauxto.explain.target import Target, choose_directions
from fauxto.models.specs import Kind

Explain = Callable[[nn.Module, Tensor, Tensor, Layout], Tensor]
"""A method: network, images ``(n, 3, h, w)``, sides ``(n,)`` and layout to maps ``(n, h, w)``."""


def explain_by_occlusion(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    directions: Float[Tensor, " n"],
    layout: Layout,  # noqa: ARG001 - works on any network
) -> Float[Tensor, "n h w"]:
    """Return occlusion maps in [0, 1]; see ``occlude``.

    Args:
        module: a network that gives two logits.
        inputs: normalised images.
        directions: +1 explains fake, −1 real.
        layout: not used.
    """

    def odds(images: Float[np.ndarray, "m 3 h w"]) -> Float[np.ndarray, " m"]:
        covered = torch.from_numpy(images).to(inputs.device)
        return log_odds(module, covered).double().cpu().numpy()

    with borrowed(module), torch.no_grad():
        maps = occlude(odds, inputs.detach().cpu().numpy(), directions.cpu().numpy())
        return torch.from_numpy(maps)


ON_MAPS: Final[Mapping[str, Explain]] = MappingProxyType(
    {name: partial(explain_by_gradcam, combine=combine) for name, combine in COMBINATIONS.items()}
)
ON_ATTENTION: Final[Mapping[str, Explain]] = MappingProxyType(
    {
        "rollout": explain_by_rollout,
        "rollout-max": partial(explain_by_rollout, fusion=HeadFusion.MAX),
        "rollout-min": partial(explain_by_rollout, fusion=HeadFusion.MIN),
        "rollout-no-residual": partial(explain_by_rollout, residual=False),
        "gradient-rollout": explain_by_gradient_rollout,
    }
)
ON_PIXELS: Final[Mapping[str, Explain]] = MappingProxyType(
    {
        "occlusion": explain_by_occlusion,
        "integrated-gradients": explain_by_integrated_gradients,
    }
)


def possible_methods(module: nn.Module, kind: Kind) -> tuple[str, ...]:
    """Return the methods that can explain a network, the one that ``auto`` takes first.

    Attention rollout needs a ViT whose attention weights can be read.
    """
    if kind is Kind.VIT and attention_parts(module):
        return (*ON_ATTENTION, *ON_MAPS, *ON_PIXELS)
    return (*ON_MAPS, *ON_PIXELS)


def explain_batch(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    layout: Layout,
    *,
    method: str = AUTO,
    target: Target = Target.FAKE,
) -> Float[np.ndarray, "n h w"]:
    """Return maps in [0, 1] of what a network looks at; the network is left as it came.

    Args:
        module: a network that gives two logits, real and fake.
        inputs: normalised images on the network's device.
        layout: facts of the architecture.
        method: ``auto`` or one name of ``METHODS``.
        target: whose evidence is shown.

    Raises:
        RecipeError: the method is unknown or cannot explain this network.
    """
    possible = possible_methods(module, layout.kind)
    (name,) = choose_methods(method, possible, f"a network of kind '{layout.kind}'")[:1]
    odds = np.zeros(inputs.shape[0])
    if target is Target.PREDICTED:
        with borrowed(module), torch.no_grad():
            odds = log_odds(module, inputs).double().cpu().numpy()
    directions = choose_directions(target, odds)
    return explain_sides(module, inputs, layout, name, directions)


def explain_sides(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    layout: Layout,
    name: str,
    directions: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n h w"]:
    """Return one method's maps for given sides: +1 explains fake, −1 real."""
    with torch.inference_mode(mode=False):
        sides = torch.tensor(directions, dtype=inputs.dtype, device=inputs.device)
    explain = {**ON_MAPS, **ON_ATTENTION, **ON_PIXELS}[name]
    return explain(module, inputs, sides, layout).detach().float().cpu().numpy()
