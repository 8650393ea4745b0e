"""Finding the layer for class activation maps from the tensors, where the row does not fit."""

from collections import Counter
from dataclasses import replace

import torch
from torch import Tensor, nn

from fauxto.core.errors import RecipeError
from fauxto.explain.hooks import borrowed, log_odds, recorded_layer, recorded_outputs
from fauxto.explain.layout import Layout, to_grid


def confirm_layout(layout: Layout, module: nn.Module, size_px: int) -> Layout:
    """Return a layout whose layer gives class activation maps on this network.

    One image of noise is run. If the layer is missing, gives no tensor with positions, or nothing
    at its positions reaches the logits, it is replaced by the last layer that does all that.

    Args:
        layout: what the row says.
        module: the network; it is left as it came.
        size_px: side of its input.

    Raises:
        RecipeError: no layer of the network has positions that reach the logits.
    """
    noise = torch.rand(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    inputs = noise.to(next(module.parameters()).device)
    try:
        with borrowed(module), recorded_layer(module, layout.cam_layer) as recording:
            odds = log_odds(module, inputs)
            features = recording.only(f"layer {layout.cam_layer!r}")
            (gradient,) = torch.autograd.grad(odds.sum(), features, allow_unused=True)
        if _reaches(gradient, inputs, layout):
            return layout
    except RecipeError:
        pass  # the search below says what is wrong if nothing else fits
    with borrowed(module), recorded_outputs(module) as outputs:
        torch.autograd.backward(log_odds(module, inputs.requires_grad_()).sum())
    runs = Counter(path for path, _ in outputs)
    for path, output in reversed(outputs):
        if runs[path] == 1 and _reaches(output.grad, inputs, replace(layout, cam_layer=path)):
            return replace(layout, cam_layer=path)
    raise RecipeError(
        "no layer of this network has positions that its logits depend on: use --method occlusion"
    )


def _reaches(gradient: Tensor | None, inputs: Tensor, layout: Layout) -> bool:
    """Return whether a layer's gradient lies on a grid and is not zero everywhere on it."""
    if gradient is None:
        return False
    try:
        grid = to_grid(gradient, inputs, layout)
    except RecipeError:
        return False
    return grid.shape[2] * grid.shape[3] > 1 and bool(grid.any())
