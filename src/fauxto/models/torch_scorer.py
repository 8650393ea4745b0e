"""Logits from a run folder, with torch."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from fauxto.models.allocator import keep_freed_memory
from fauxto.models.checkpoint import load_run


class TorchScorer:
    """A run folder as a scorer.

    Attributes:
        card: the run's card.
        name: the card's name.
    """

    def __init__(self, run: Path, device: str = "cpu") -> None:
        """Open the run; see ``load_run`` for what may fail."""
        keep_freed_memory()
        loaded = load_run(run, device)
        self.card = loaded.card
        self.name = loaded.card.name
        self._module = loaded.module.to(memory_format=torch.channels_last)
        self._device = next(loaded.module.parameters()).device

    def logits(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float32[np.ndarray, "n 2"]:
        """Return the two logits of each image, in the order real, fake."""
        batch = torch.from_numpy(inputs).to(self._device)
        with torch.inference_mode():
            logits = self._module(batch.contiguous(memory_format=torch.channels_last))
        return logits.float().cpu().numpy()
