"""The table of explanation methods and the one door to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from fauxto.core.errors import RecipeError
from fauxto.explain.gradcam import COMBINATIONS, explain_by_gradcam
from fauxto.explain.hooks import borrowed
from fauxto.explain.integrated import explain_by_integrated_gradients
from fauxto.explain.layout import Layout
from fauxto.explain.occlusion import explain_by_occlusion
from fauxto.explain.rollout import HeadFusion, explain_by_gradient_rollout, explain_by_rollout
from fauxto.explain.target import Target, choose_directions, log_odds
from fauxto.models.specs import Kind

AUTO: Final = "auto"
"""Grad-CAM for CNNs, attention rollout for ViTs: the report's way."""


Explain = Callable[[nn.Module, Tensor, Tensor, Layout], Tensor]
"""A method: network, images ``(n, 3, h, w)``, sides ``(n,)`` and layout to maps ``(n, h, w)``."""


@dataclass(frozen=True)
class Method:
    """A row of ``METHODS``."""

    title: str
    kinds: tuple[Kind, ...]
    """Networks it can explain."""
    explain: Explain
    meaning: str
    """What a bright spot says, in one sentence."""
    sided: bool = True
    """Whether maps for fake and for real differ."""
    slow: bool = False
    """Whether a map costs dozens of forward passes, so that fewer images are explained."""


_BOTH: Final[tuple[Kind, ...]] = (Kind.CNN, Kind.VIT)
_CAM: Final = "Features of the last layer with positions, weighted by what they add to the side."
_ROLLOUT: Final = "Where attention reads, over all layers; the same for both sides."

METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "gradcam": Method("Grad-CAM", _BOTH, explain_by_gradcam, _CAM),
        "gradcam++": Method(
            "Grad-CAM++",
            _BOTH,
            partial(explain_by_gradcam, combine=COMBINATIONS["gradcam++"]),
            "As Grad-CAM, with more weight for several separate places.",
        ),
        "hirescam": Method(
            "HiResCAM",
            _BOTH,
            partial(explain_by_gradcam, combine=COMBINATIONS["hirescam"]),
            "As Grad-CAM, each position with its own gradient.",
        ),
        "layercam": Method(
            "LayerCAM",
            _BOTH,
            partial(explain_by_gradcam, combine=COMBINATIONS["layercam"]),
            "As HiResCAM, with gradients for the asked side only.",
        ),
        "rollout": Method(
            "Attention rollout", (Kind.VIT,), explain_by_rollout, _ROLLOUT, sided=False
        ),
        "rollout-max": Method(
            "Attention rollout, strongest head",
            (Kind.VIT,),
            partial(explain_by_rollout, fusion=HeadFusion.MAX),
            _ROLLOUT,
            sided=False,
        ),
        "rollout-min": Method(
            "Attention rollout, weakest head",
            (Kind.VIT,),
            partial(explain_by_rollout, fusion=HeadFusion.MIN),
            _ROLLOUT,
            sided=False,
        ),
        "rollout-no-residual": Method(
            "Attention rollout, without skip connections",
            (Kind.VIT,),
            partial(explain_by_rollout, residual=False),
            _ROLLOUT,
            sided=False,
        ),
        "gradient-rollout": Method(
            "Gradient-weighted rollout",
            (Kind.VIT,),
            explain_by_gradient_rollout,
            "Where attention reads and what it reads speaks for the side.",
        ),
        "occlusion": Method(
            "Occlusion",
            _BOTH,
            explain_by_occlusion,
            "How much the side loses when this place is covered with the mean colour.",
            slow=True,
        ),
        "integrated-gradients": Method(
            "Integrated gradients",
            _BOTH,
            explain_by_integrated_gradients,
            "What the pixels add to the side on the way from the mean colour to the picture.",
            slow=True,
        ),
    }
)
"""Every method, by the name that ``--method`` takes."""


def choose_methods(request: str, kind: Kind) -> tuple[str, ...]:
    """Return the names of the methods to use on a network.

    Args:
        request: ``auto``, ``all``, or names joined by commas.
        kind: the kind of network; methods that cannot explain it are left out.

    Raises:
        RecipeError: a name is unknown, or no named method can explain this kind.
    """
    if request == AUTO:
        return ("gradcam",) if kind is Kind.CNN else ("rollout",)
    names = tuple(METHODS) if request == "all" else tuple(dict.fromkeys(request.split(",")))
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise RecipeError(
            f"no explanation method is called {unknown[0]!r}: choose auto, all or some of "
            f"{', '.join(METHODS)}"
        )
    fitting = tuple(name for name in names if kind in METHODS[name].kinds)
    if not fitting:
        possible = ", ".join(name for name, row in METHODS.items() if kind in row.kinds)
        raise RecipeError(
            f"--method {request} cannot explain a network of kind '{kind}': "
            f"choose auto or some of {possible}"
        )
    return fitting


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
    (name,) = choose_methods(method, layout.kind)[:1]
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
    maps = METHODS[name].explain(module, inputs, sides, layout)
    return maps.detach().float().cpu().numpy()
