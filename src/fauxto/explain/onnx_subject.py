"""An exported file as a subject of explanation; runs without torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from fauxto.core.records import ModelCard
from fauxto.explain.catalogue import choose_methods
from fauxto.explain.heat import enlarge, keep_positive
from fauxto.explain.occlusion import occlude
from fauxto.explain.subject import Ruin
from fauxto.models.onnx_scorer import OnnxScorer


@dataclass(frozen=True)
class OnnxSubject:
    """An ONNX file that is explained; see ``Subject``."""

    name: str
    scorer: OnnxScorer
    methods: tuple[str, ...]

    @property
    def card(self) -> ModelCard:
        """Return the card inside the file."""
        return self.scorer.card

    def odds(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, " n"]:
        """Return log odds of fake, before temperature."""
        logits = self.scorer.logits(inputs).astype(np.float64)
        return logits[:, 1] - logits[:, 0]

    def explain(
        self,
        inputs: Float32[np.ndarray, "n 3 h w"],
        method: str,
        directions: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n h w"]:
        """Return one method's maps in [0, 1] for given sides.

        Source:
            Zhou et al. 2016, "Learning Deep Features for Discriminative Localization",
            equation 2, for the difference of the two logits.
        """
        if method == "occlusion":
            return occlude(self.odds, inputs, directions)
        evidence = self.scorer.cam(inputs) * directions[:, None, None].astype(np.float32)
        # Clipped on its own grid, as Grad-CAM is, so that both are the same map.
        height, width = inputs.shape[2:]
        return keep_positive(enlarge(np.maximum(evidence, 0), (height, width)))

    def ruins(self, seed: int) -> Iterator[Ruin]:  # noqa: ARG002 - see below
        """Yield nothing: an exported file's weights are folded and cannot be shuffled."""
        return iter(())


def open_onnx_subject(path: Path, request: str) -> OnnxSubject:
    """Open an exported file.

    Args:
        path: file written by ``fauxto export``.
        request: ``auto``, ``all`` or names of methods joined by commas.

    Raises:
        ArtifactError: the file is missing or was not written by fauxto.
        RecipeError: the methods do not fit the file.
    """
    scorer = OnnxScorer(path)
    possible = ("cam", "occlusion") if scorer.has_cam else ("occlusion",)
    methods = choose_methods(request, possible, f"{path}, an ONNX file")
    return OnnxSubject(scorer.name, scorer, methods)
