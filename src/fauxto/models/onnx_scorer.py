"""A model in one ONNX file: network, card and preprocessing; runs without torch."""

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from jaxtyping import Float32
from pydantic import ValidationError

from fauxto.core.errors import ArtifactError
from fauxto.core.invalid import describe_invalid
from fauxto.core.records import ModelCard

CARD_KEY: Final = "fauxto_card"
"""Key of the card's JSON in the ONNX file's metadata."""

INPUT_NAME: Final = "input"
LOGITS_NAME: Final = "logits"
CAM_NAME: Final = "cam"
"""Second output of networks that average positions before one linear layer: what each position
adds to the log odds of fake. Its mean, plus the difference of the biases, is the difference of
the logits."""


class OnnxScorer:
    """Logits from an ONNX file that ``fauxto export`` wrote.

    Attributes:
        card: the model's card, from the file's metadata.
        name: the card's name.
        has_cam: whether the file gives class activation maps.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        """Open the file.

        Args:
            path: an ``.onnx`` file.
            threads: threads for one call; 0 lets ONNX Runtime choose.

        Raises:
            ArtifactError: it is missing, is no ONNX file, or has no fauxto card.
        """
        if not path.is_file():
            raise ArtifactError(f"{path} does not exist: name a run folder or an .onnx file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads that wait busily would take the cores from those that decode the next images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = str(error).rpartition(" : ")[2]  # behind the runtime's own codes
            raise ArtifactError(
                f"{path} cannot be opened as an ONNX model ({reason}): name a run folder or an "
                ".onnx file that 'fauxto export' wrote"
            ) from error
        card = self._session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
        if card is None:
            raise ArtifactError(
                f"{path} has no fauxto card inside, so its preprocessing and threshold are "
                "unknown: make the file with 'fauxto export RUN'"
            )
        try:
            self.card = ModelCard.model_validate_json(card)
        except ValidationError as error:
            raise ArtifactError(
                f"{path}: its card is not valid: {describe_invalid(error)}"
            ) from error
        self.name = self.card.name
        self.has_cam = CAM_NAME in {output.name for output in self._session.get_outputs()}

    def logits(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float32[np.ndarray, "n 2"]:
        """Return the two logits of each image, in the order real, fake.

        Args:
            inputs: preprocessed images.
        """
        (logits,) = self._session.run([LOGITS_NAME], {INPUT_NAME: inputs})
        return logits

    def cam(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float32[np.ndarray, "n rows columns"]:
        """Return class activation maps: what each position adds to the log odds of fake.

        Args:
            inputs: preprocessed images.

        Raises:
            ArtifactError: the file gives no maps.
        """
        if not self.has_cam:
            raise ArtifactError(
                f"{self.name}: the file has no class activation map, since its network does not "
                "average positions before one linear layer"
            )
        (maps,) = self._session.run([CAM_NAME], {INPUT_NAME: inputs})
        return maps
