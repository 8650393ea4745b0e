"""A run folder to one ONNX file, written only if both give the same scores."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from jaxtyping import Float32
from torch import nn

from fauxto.core.errors import ArtifactError
from fauxto.core.notebook import Shown
from fauxto.core.storage import atomic_path
from fauxto.export.cam import WithCam, with_cam
from fauxto.metrics.calibration import fake_score
from fauxto.models.checkpoint import LoadedRun, load_run
from fauxto.models.onnx_scorer import CAM_NAME, CARD_KEY, INPUT_NAME, LOGITS_NAME, OnnxScorer

MAX_SCORE_DIFFERENCE: Final = 1e-4
"""Largest difference in score between the run and the file that is accepted."""

CAM_MEANING: Final = (
    f"Output '{CAM_NAME}': what each position adds to the log odds of fake. Its mean, plus the "
    "difference of the last layer's biases, is logit fake minus logit real."
)

_CHECKED_IMAGES: Final = 16
_BATCH: Final = 4
_OPSET: Final = 18


@dataclass(frozen=True)
class ExportResult(Shown):
    """A written ONNX file.

    Attributes:
        path: the file.
        bytes: its size.
        max_score_difference: largest difference in score between run and file, over a sample.
    """

    path: Path
    bytes: int
    max_score_difference: float


def export(run: Path, *, out: Path, overwrite: bool = False) -> ExportResult:
    """Write a run's network, card and preprocessing into one ONNX file.

    Args:
        run: folder written by ``fauxto train``.
        out: file to write, ending in ``.onnx``.
        overwrite: replace an existing file.

    Raises:
        ArtifactError: the file exists, the run is unusable, or the exported network's scores
            differ from the run's by more than ``MAX_SCORE_DIFFERENCE``.
    """
    if out.suffix != ".onnx":
        raise ArtifactError(f"the file to write must end in .onnx, not {out.name}")
    if out.exists() and not overwrite:
        raise ArtifactError(f"{out} exists: choose another name, or --overwrite to replace it")
    loaded = load_run(run)
    network = with_cam(loaded)
    content = _to_onnx(loaded, network)
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
        scorer = OnnxScorer(temporary)
        difference = _score_difference(loaded, scorer)
        if isinstance(network, WithCam):
            difference = max(difference, _map_difference(loaded, network, scorer))
        if difference > MAX_SCORE_DIFFERENCE:
            raise ArtifactError(
                f"{out} was not written: its scores differ from the run's by {difference:.1e}, "
                f"more than {MAX_SCORE_DIFFERENCE:.0e}"
            )
    return ExportResult(out, out.stat().st_size, difference)


def _sample(loaded: LoadedRun) -> Float32[np.ndarray, "n 3 h w"]:
    """Return smooth and noisy random images, normalised as the network expects."""
    preprocess = loaded.card.preprocess
    generator = np.random.default_rng(0)
    size = preprocess.size_px
    coarse = generator.random((_CHECKED_IMAGES, 3, 8, 8), np.float32)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse), size=(size, size))
    pixels = 0.8 * smooth.numpy() + 0.2 * generator.random((_CHECKED_IMAGES, 3, size, size))
    mean = np.array(preprocess.mean).reshape(1, 3, 1, 1)
    std = np.array(preprocess.std).reshape(1, 3, 1, 1)
    return ((pixels - mean) / std).astype(np.float32)


def _to_onnx(loaded: LoadedRun, network: nn.Module) -> bytes:
    size = loaded.card.preprocess.size_px
    example = torch.zeros(2, 3, size, size)
    program = torch.onnx.export(
        network,
        (example,),
        input_names=[INPUT_NAME],
        output_names=[LOGITS_NAME, CAM_NAME] if isinstance(network, WithCam) else [LOGITS_NAME],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise ArtifactError("torch gave no ONNX program for this network")
    model = program.model_proto
    strip_traces(model)
    # Equal runs give equal files, byte for byte; the run's own card keeps the time it took.
    card = loaded.card.model_copy(update={"wall_time_s": None})
    notes = {CARD_KEY: card.model_dump_json()}
    if isinstance(network, WithCam):
        notes[f"{CARD_KEY}_{CAM_NAME}"] = CAM_MEANING
    for key, value in notes.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    buffer = io.BytesIO()
    onnx.save_model(model, buffer)
    return buffer.getvalue()


def strip_traces(model: onnx.ModelProto) -> None:
    """Remove what torch's exporter notes of this machine: source lines and paths of every node."""
    graph = model.graph
    for part in (
        graph,
        *graph.node,
        *graph.value_info,
        *graph.input,
        *graph.output,
        *graph.initializer,
    ):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _score_difference(loaded: LoadedRun, scorer: OnnxScorer) -> float:
    inputs = _sample(loaded)
    temperature = loaded.card.temperature
    largest = 0.0
    for start in range(0, len(inputs), _BATCH):
        batch = inputs[start : start + _BATCH]
        with torch.inference_mode():
            expected = loaded.module(torch.from_numpy(batch)).numpy()
        found = fake_score(scorer.logits(batch), temperature)
        largest = max(largest, float(np.abs(found - fake_score(expected, temperature)).max()))
    return largest


def _map_difference(loaded: LoadedRun, network: WithCam, scorer: OnnxScorer) -> float:
    """Return the largest difference of the maps, as a share of the largest value on them."""
    inputs = _sample(loaded)[:_BATCH]
    with torch.inference_mode():
        _, expected = network(torch.from_numpy(inputs))
    largest = float(expected.abs().max())
    return float(np.abs(scorer.cam(inputs) - expected.numpy()).max()) / max(largest, 1e-12)
