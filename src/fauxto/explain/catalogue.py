"""The table of explanation methods: what each is called, shows and costs. Runs without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from fauxto.core.errors import RecipeError

AUTO: Final = "auto"
"""Grad-CAM for CNNs, attention rollout for ViTs (the report's way), a file's own map for ONNX."""

ALL: Final = "all"

_CAM: Final = "Features of the last layer with positions, weighted by what they add to the side."
_ROLLOUT: Final = "Where attention reads, over all layers; the same for both sides."


class Target(StrEnum):
    """Whose evidence a map shows.

    A network's two logits only matter through their difference, so that is what is explained:
    the log odds of fake, before temperature. A single logit could rise on an image without the
    score moving.
    """

    FAKE = "fake"
    """What raises the log odds of fake; one question for all images."""
    REAL = "real"
    """What lowers them."""
    PREDICTED = "predicted"
    """What speaks for the side the network took (the report's way)."""


@dataclass(frozen=True)
class Method:
    """A row of ``METHODS``."""

    title: str
    meaning: str
    """What a bright spot says, in one sentence."""
    sided: bool = True
    """Whether maps for fake and for real differ."""
    slow: bool = False
    """Whether a map costs dozens of forward passes, so that fewer images are explained."""


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "gradcam": Method("Grad-CAM", _CAM),
        "gradcam++": Method(
            "Grad-CAM++", "As Grad-CAM, with more weight for several separate places."
        ),
        "hirescam": Method("HiResCAM", "As Grad-CAM, each position with its own gradient."),
        "layercam": Method("LayerCAM", "As HiResCAM, with gradients for the asked side only."),
        "cam": Method(
            "Class activation map",
            "What each position adds to the side: exact, since the network averages positions "
            "before its last layer.",
        ),
        "rollout": Method("Attention rollout", _ROLLOUT, sided=False),
        "rollout-max": Method("Attention rollout, strongest head", _ROLLOUT, sided=False),
        "rollout-min": Method("Attention rollout, weakest head", _ROLLOUT, sided=False),
        "rollout-no-residual": Method(
            "Attention rollout, without skip connections", _ROLLOUT, sided=False
        ),
        "gradient-rollout": Method(
            "Gradient-weighted rollout",
            "Where attention reads and what it reads speaks for the side.",
        ),
        "occlusion": Method(
            "Occlusion",
            "How much the side loses when this place is covered with the mean colour.",
            slow=True,
        ),
        "integrated-gradients": Method(
            "Integrated gradients",
            "What the pixels add to the side on the way from the mean colour to the picture.",
            slow=True,
        ),
    }
)
"""Every method, by the name that ``--method`` takes."""


def check_names(request: str) -> tuple[str, ...]:
    """Return the methods that a request names, all of them for ``all``, none for ``auto``.

    Args:
        request: ``auto``, ``all``, or names joined by commas.

    Raises:
        RecipeError: a name is unknown.
    """
    if request == AUTO:
        return ()
    names = tuple(METHODS) if request == ALL else tuple(dict.fromkeys(request.split(",")))
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise RecipeError(
            f"no explanation method is called {unknown[0]!r}: choose auto, all or some of "
            f"{', '.join(METHODS)}"
        )
    return names


def choose_methods(request: str, possible: Sequence[str], network: str) -> tuple[str, ...]:
    """Return the names of the methods to use on a network.

    Args:
        request: ``auto``, ``all``, or names joined by commas; methods that cannot explain the
            network are left out.
        possible: methods that can explain the network, the one for ``auto`` first.
        network: what the network is, for messages.

    Raises:
        RecipeError: a name is unknown, or no named method can explain this network.
    """
    names = check_names(request)
    if not names:
        return (possible[0],)
    fitting = tuple(name for name in names if name in possible)
    if not fitting:
        raise RecipeError(
            f"--method {request} cannot explain {network}: choose auto or some of "
            f"{', '.join(possible)}"
        )
    return fitting
