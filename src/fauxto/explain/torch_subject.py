"""A run folder as a subject of explanation, with torch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from fauxto.core.records import ModelCard
from fauxto.explain.catalogue import choose_methods
from fauxto.explain.hooks import borrowed, log_odds
from fauxto.explain.layout import Layout, read_layout
from fauxto.explain.methods import explain_sides, possible_methods
from fauxto.explain.sanity import destroy_weights
from fauxto.explain.search import confirm_layout
from fauxto.explain.subject import Ruin
from fauxto.models.allocator import keep_freed_memory
from fauxto.models.checkpoint import load_run


@dataclass(frozen=True)
class TorchSubject:
    """A run that is explained; see ``Subject``."""

    name: str
    module: nn.Module
    card: ModelCard
    layout: Layout
    methods: tuple[str, ...]

    def odds(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, " n"]:
        """Return log odds of fake, before temperature."""
        with borrowed(self.module), torch.no_grad():
            return log_odds(self.module, self._place(inputs)).double().cpu().numpy()

    def explain(
        self,
        inputs: Float32[np.ndarray, "n 3 h w"],
        method: str,
        directions: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n h w"]:
        """Return one method's maps in [0, 1] for given sides."""
        return explain_sides(self.module, self._place(inputs), self.layout, method, directions)

    def ruins(self, seed: int) -> Iterator[Ruin]:
        """Yield copies destroyed further and further from the output."""
        for share, module in destroy_weights(self.module, seed):
            yield Ruin(share, replace(self, module=module))

    def _place(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        batch = torch.from_numpy(inputs).to(next(self.module.parameters()).device)
        return batch.contiguous(memory_format=torch.channels_last)


def open_torch_subject(run: Path, request: str, device: str) -> TorchSubject:
    """Open a run folder.

    Args:
        run: folder written by ``fauxto train``.
        request: ``auto``, ``all`` or names of methods joined by commas.
        device: where the network runs.

    Raises:
        ArtifactError: the run is missing, unfinished or damaged.
        RecipeError: the methods do not fit the network.
    """
    keep_freed_memory()
    loaded = load_run(run, device)
    module = loaded.module.to(memory_format=torch.channels_last)
    kind = loaded.spec.kind
    network = f"{loaded.card.name}, a network of kind '{kind}'"
    methods = choose_methods(request, possible_methods(module, kind), network)
    layout = confirm_layout(
        read_layout(loaded.spec, module), module, loaded.card.preprocess.size_px
    )
    return TorchSubject(loaded.card.name, module, loaded.card, layout, methods)
