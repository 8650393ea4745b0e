"""What a method must know of a network: where its features lie and how tokens map to pixels."""

import math
from dataclasses import dataclass
from typing import Final

from jaxtyping import Float
from torch import Tensor, nn

from fauxto.core.errors import RecipeError
from fauxto.models.specs import Kind, ModelSpec

MOST_PREFIX_TOKENS: Final = 16
"""Class and register tokens that are looked for where nothing tells how many there are."""


@dataclass(frozen=True)
class TokenGrid:
    """How tokens lie on the picture: some without a place first, then row by row."""

    rows: int
    columns: int
    prefix: int


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


def token_grid(tokens: int, inputs: Float[Tensor, "n 3 h w"], layout: Layout) -> TokenGrid:
    """Return how tokens lie on the picture.

    Where the layout knows no patch size, the grid is the largest one with the picture's aspect
    that leaves at most ``MOST_PREFIX_TOKENS`` tokens over; those come first.

    Args:
        tokens: tokens in all, prefix included.
        inputs: what the network was given.
        layout: patch size and number of prefix tokens.

    Raises:
        RecipeError: patch size and prefix do not account for the tokens, or no grid fits.
    """
    height, width = inputs.shape[-2:]
    patch, prefix = layout.patch_px, layout.prefix_tokens
    if patch:
        rows, columns = height // patch, width // patch
        if rows * columns + prefix == tokens:
            return TokenGrid(rows, columns, prefix)
    else:
        for left in range(min(MOST_PREFIX_TOKENS, tokens - 1) + 1):
            rows = round(((tokens - left) * height / width) ** 0.5)
            columns = (tokens - left) // max(1, rows)
            if rows * columns == tokens - left and rows * width == columns * height:
                return TokenGrid(rows, columns, left)
    raise RecipeError(
        f"{tokens} tokens do not fit an input of {height} × {width} px with patches of "
        f"{patch or 'unknown'} px and {prefix} prefix tokens: correct the model's row"
    )


def to_grid(
    features: Float[Tensor, "..."], inputs: Float[Tensor, "n 3 h w"], layout: Layout
) -> Float[Tensor, "n c rows columns"]:
    """Return features as channels over positions.

    Args:
        features: ``(n, c, rows, columns)`` or ``(n, rows, columns, c)``, told apart by the
            picture's aspect, or tokens ``(n, tokens, c)``.
        inputs: what the network was given.
        layout: how tokens map to pixels.

    Raises:
        RecipeError: features of another shape have no positions.
    """
    if features.ndim == 4:
        aspect = inputs.shape[2] / inputs.shape[3]
        first, second = (
            abs(math.log(rows / columns / aspect))
            for rows, columns in (features.shape[2:], features.shape[1:3])
        )
        return features if first <= second else features.permute(0, 3, 1, 2)
    if features.ndim != 3:
        raise RecipeError(
            f"layer {layout.cam_layer!r} gives features of shape {tuple(features.shape)}, which "
            "have no positions: choose an earlier cam_layer"
        )
    grid = token_grid(features.shape[1], inputs, layout)
    patches = features[:, grid.prefix :]
    return patches.transpose(1, 2).reshape(features.shape[0], -1, grid.rows, grid.columns)
