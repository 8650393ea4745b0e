"""Whether a map depends on what the network learned: destroy the weights and look again."""

import copy
from collections.abc import Iterator
from typing import Final

import torch
from torch import nn

SHARES: Final = (0.1, 0.25, 0.5, 1.0)
"""Shares of the weight tensors destroyed, counted from the output."""


def destroy_weights(module: nn.Module, seed: int) -> Iterator[tuple[float, nn.Module]]:
    """Yield copies of a network whose weights are destroyed further and further from the output.

    The entries of each weight tensor are shuffled, which keeps its scale and so the size of
    activations, but nothing of what it computes; biases and the scales of normalisation are
    shuffled alike.

    Args:
        module: a network; it is not changed.
        seed: of the shuffles.

    Yields:
        The share of tensors destroyed, ascending, and the network; the same object each time.

    Source:
        Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3.1 (cascading). Deviation:
        shuffled instead of drawn anew, since fresh weights change the scale of deep networks
        whose running statistics stay.
    """
    ruin = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(seed)
    weights = list(ruin.parameters())[::-1]
    done = 0
    for share in SHARES:
        upto = max(done + 1, round(share * len(weights)))
        with torch.no_grad():
            for weight in weights[done:upto]:
                order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
                weight.copy_(weight.flatten()[order].view_as(weight))
        done = upto
        yield share, ruin
