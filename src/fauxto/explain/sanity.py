"""Whether a map depends on what the network learned: destroy the weights and look again."""

import copy
from collections.abc import Iterator
from typing import Final

import torch
from torch import nn

SHARES: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the layers destroyed, counted from the output; at least the last one."""


def destroy_weights(module: nn.Module, seed: int) -> Iterator[tuple[float, nn.Module]]:
    """Yield copies of a network whose weights are destroyed further and further from the output.

    A layer is a part that owns weights. The entries of each of its weight tensors are shuffled,
    which keeps their scale and so the size of activations, but nothing of what they compute;
    biases and the scales of normalisation are shuffled alike.

    Args:
        module: a network; it is not changed.
        seed: of the shuffles.

    Yields:
        The share of layers destroyed, ascending, and the network; the same object each time.

    Source:
        Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3.1 (cascading). Deviation:
        shuffled instead of drawn anew, since fresh weights change the scale of deep networks
        whose running statistics stay.
    """
    ruin = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(seed)
    layers = [part for part in ruin.modules() if list(part.parameters(recurse=False))][::-1]
    done = 0
    for upto in sorted({max(1, round(share * len(layers))) for share in SHARES}):
        with torch.no_grad():
            for layer in layers[done:upto]:
                for weight in layer.parameters(recurse=False):
                    order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
                    weight.copy_(weight.flatten()[order].view_as(weight))
        done = upto
        yield upto / len(layers), ruin
