"""Class activation maps as a second output, for networks whose head makes them exact."""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fauxto.models.checkpoint import LoadedRun

TOLERANCE: Final = 1e-4
"""Largest difference between the logits and those of the averaged positions, as a share of the
largest logit, for a head to count as linear."""


class WithCam(nn.Module):
    """A network that also says what each position adds to the log odds of fake."""

    def __init__(
        self, network: nn.Module, layer: nn.Module, difference: Float[Tensor, " c"]
    ) -> None:
        super().__init__()
        self.network = network
        self._layer = [layer]  # in a list, so that it is not registered twice
        self.register_buffer("difference", difference)

    def forward(
        self, inputs: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n rows columns"]]:
        """Return the logits and the class activation maps.

        Source:
            Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", equation
            2, for the difference of the two logits.
        """
        features: list[Tensor] = []
        handle = self._layer[0].register_forward_hook(
            lambda _part, _inputs, output: features.append(output)
        )
        try:
            logits = self.network(inputs)
        finally:
            handle.remove()
        return logits, torch.einsum("nchw,c->nhw", features[0], self.difference)


def with_cam(loaded: LoadedRun) -> nn.Module:
    """Return a run's network with class activation maps, or as it is where they are not exact.

    They are exact where the logits are one linear layer of the positions' average, which is tried
    on images of noise: a normalisation after the average, as in ConvNeXt, or a class token is
    enough to fail.
    """
    module, spec = loaded.module, loaded.spec
    layer, head = module.get_submodule(spec.cam_layer), module.get_submodule(spec.classifier)
    if not isinstance(head, nn.Linear):
        return module
    side = loaded.card.preprocess.size_px
    noise = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features: list[Tensor] = []
        handle = layer.register_forward_hook(lambda _part, _inputs, output: features.append(output))
        try:
            logits = module(noise)
        finally:
            handle.remove()
        if features[0].ndim != 4 or features[0].shape[1] != head.in_features:
            return module
        averaged = head(features[0].mean(dim=(2, 3)))
        if (averaged - logits).abs().max() > TOLERANCE * logits.abs().max():
            return module
        return WithCam(module, layer, head.weight[1] - head.weight[0]).eval()
