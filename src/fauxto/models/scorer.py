"""What turns network inputs into logits, whatever it is made of."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from fauxto.core.artifacts import require_finished
from fauxto.core.errors import ArtifactError, MissingExtra, RecipeError
from fauxto.core.records import ModelCard
from fauxto.models.onnx_scorer import OnnxScorer

BUNDLED: Final = Path(__file__).parent / "bundled" / "detector.onnx"
"""The detector that fauxto brings along; ``make bundled`` writes it."""


@runtime_checkable
class Scorer(Protocol):
    """A model with its card.

    Attributes:
        card: preprocessing, temperature, thresholds and origin.
        name: the card's name.
    """

    card: ModelCard
    name: str

    def logits(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float32[np.ndarray, "n 2"]:
        """Return the two logits of each image, in the order real, fake."""
        ...


def bundled_detector() -> Path:
    """Return the file of the detector that fauxto brings along.

    Raises:
        ArtifactError: this copy of fauxto has none.
    """
    if not BUNDLED.is_file():
        raise ArtifactError(
            "this copy of fauxto has no detector inside: name a run folder or an .onnx file "
            "(--model), or make one from the repository with 'make bundled DATA=FOLDER'"
        )
    return BUNDLED


def open_scorer(model: Path, device: str = "cpu", *, threads: int = 0) -> Scorer:
    """Open an ONNX file or, where torch is installed, a run folder.

    Args:
        model: ``.onnx`` file written by ``fauxto export``, or folder written by ``fauxto train``.
        device: where a run folder's network computes.
        threads: of ONNX Runtime for one call; 0 lets it choose.

    Raises:
        ArtifactError: there is no usable model.
        MissingExtra: a run folder was given and torch is not installed.
        RecipeError: an ONNX file was given and a device that is not the CPU.
    """
    if model.is_dir():
        require_finished(model, "train")
        if find_spec("torch") is None:
            raise MissingExtra(f"the run folder {model}", "train")
        # The one door to torch: an ONNX file must open where torch is not installed.
        from fauxto.models.torch_scorer import TorchScorer  # noqa: PLC0415

        return TorchScorer(model, device)
    if device not in ("auto", "cpu"):
        raise RecipeError(
            f"{model.name} is an ONNX file, which runs on the CPU: leave out --device {device}"
        )
    return OnnxScorer(model, threads=threads)
