"""What a method must know of a network: where its features lie and how tokens map to pixels."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from fauxto.core.errors import RecipeError
from fauxto.models.specs import Kind, ModelSpec


@dataclass(frozen=True)
class Layout:
    """Facts of an architecture, from its row in the table of models."""

    kind: Kind
    cam_layer: str
    """Dotted path of the last layer that still knows positions."""
    patch_px: int = 0
    """Side of a token's square in pixels; 0 for networks without tokens."""
    prefix_tokens: int = 0
    """Class and register tokens before the first patch token."""
    reads_class_token: bool = False
    """Whether the verdict is read from token 0; otherwise from the mean of the patch tokens."""


def read_layout(spec: ModelSpec, module: nn.Module) -> Layout:
    """Return what the row of a network, and the network itself, say of its layout.

    Args:
        spec: the network's row.
        module: the network; timm's ViTs tell in ``global_pool`` where the verdict is read.
    """
    reads_class_token = spec.prefix_tokens > 0 and getattr(module, "global_pool", "") == "token"
    return Layout(
        spec.kind, spec.cam_layer, spec.patch_px or 0, spec.prefix_tokens, reads_class_token
    )


def find_layer(module: nn.Module, path: str) -> nn.Module:
    """Return a part of a network by its dotted path.

    Raises:
        RecipeError: there is no such part.
    """
    try:
        return module.get_submodule(path)
    except AttributeError as error:
        parts = ", ".join(name for name, _ in module.named_children())
        raise RecipeError(
            f"the network has no layer {path!r}; its parts are: {parts}: "
            "correct cam_layer in the model's row"
        ) from error


def token_grid(tokens: int, inputs: Float[Tensor, "n 3 h w"], layout: Layout) -> tuple[int, int]:
    """Return rows and columns of the patch tokens.

    Args:
        tokens: tokens in all, prefix included.
        inputs: what the network was given.
        layout: patch size and number of prefix tokens.

    Raises:
        RecipeError: patch size and prefix do not account for the tokens.
    """
    height, width = inputs.shape[-2:]
    patch = layout.patch_px
    rows, columns = (height // patch, width // patch) if patch else (0, 0)
    if patch == 0 or rows * columns + layout.prefix_tokens != tokens:
        raise RecipeError(
            f"{tokens} tokens do not fit an input of {height} × {width} px with patches of "
            f"{patch} px and {layout.prefix_tokens} prefix tokens: correct the model's row"
        )
    return rows, columns


def to_grid(
    features: Float[Tensor, "..."], inputs: Float[Tensor, "n 3 h w"], layout: Layout
) -> Float[Tensor, "n c rows columns"]:
    """Return features as channels over positions.

    Args:
        features: ``(n, c, rows, columns)`` as it is, or tokens ``(n, tokens, c)``.
        inputs: what the network was given.
        layout: how tokens map to pixels.

    Raises:
        RecipeError: features of another shape have no positions.
    """
    if features.ndim == 4:
        return features
    if features.ndim != 3:
        raise RecipeError(
            f"layer {layout.cam_layer!r} gives features of shape {tuple(features.shape)}, which "
            "have no positions: choose an earlier cam_layer"
        )
    rows, columns = token_grid(features.shape[1], inputs, layout)
    patches = features[:, layout.prefix_tokens :]
    return patches.transpose(1, 2).reshape(features.shape[0], -1, rows, columns)
