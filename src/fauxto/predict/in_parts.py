"""Verdicts for any number of images, in parts, on any engine; needs the ``audit`` extra."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.core.artifacts import FolderState, file_digest
from fauxto.core.choices import PART_ROWS, Policy
from fauxto.core.errors import UnreadableImage
from fauxto.core.labels import Verdict
from fauxto.core.progress import Progress, silent
from fauxto.data.collect import collect
from fauxto.data.stored import StoredImage, read_image
from fauxto.data.table import read_frame
from fauxto.engine.part import Engine, PartWork
from fauxto.engine.parts import run_parts
from fauxto.engine.plan import Plan, list_images, open_plan, require_same_images
from fauxto.imaging.decode import Limits
from fauxto.models.scorer import bundled_detector, open_scorer
from fauxto.predict.detector import Detector
from fauxto.predict.inputs import ImageInput
from fauxto.predict.writing import COLUMNS, flatten

TIMEOUT_S: Final = 120.0
"""Seconds for one image: a store's answers, tried again, take most of them."""
MEMORY_LIMIT_BYTES: Final = 4 << 30

_TOLD: Final = ("label", "split", "source", "generator")
_NUMBERS: Final = ("score", "threshold", "unsure_low", "unsure_high")
SCHEMA: Final[dict[str, pl.DataType]] = {
    "path": pl.String(),
    **dict.fromkeys(_TOLD, pl.String()),
    **{
        name: pl.Float64() if name in _NUMBERS else pl.String()
        for name in COLUMNS
        if name != "path"
    },
}
"""Columns of a part: those of a table of predictions, and what is told of the image."""


@dataclass(frozen=True)
class PredictRow:
    """An image to its row; the model is loaded once a process and takes one thread.

    Images go through the network one by one, so that no row depends on its neighbours.

    Attributes:
        model: run folder or ``.onnx`` file, at the same path on every machine.
        policy: rule whose threshold to use.
        stability: look at mild re-encodings too.
        trust_anchors: certificates (PEM) of authorities whose Content Credentials are trusted.
        device: where a run folder's network computes.
    """

    model: str
    policy: Policy | None = None
    stability: bool = False
    trust_anchors: str | None = None
    device: str = "cpu"

    def __call__(self, image: StoredImage) -> Mapping[str, Any]:
        """Return the row of an image; one that cannot be read has its error and no score."""
        content: bytes | UnreadableImage
        try:
            content = read_image(image, Limits())
        except UnreadableImage as error:
            content = error
        detector = _load(self.model, self.policy, self.device)
        (prediction,) = detector.predict_many(
            [ImageInput(image.path, content)],
            batch_size=1,
            workers=1,
            stability=self.stability,
            trust_anchors=self.trust_anchors,
        )
        return {**flatten(prediction), **_told(image)}

    def lose(self, image: StoredImage, reason: str) -> Mapping[str, Any]:
        """Return the row of an image whose process hung or died."""
        detector = _load(self.model, self.policy, self.device)
        prediction = detector.judge(image.path, None, error=f"undecodable: {reason}")
        return {**flatten(prediction), **_told(image)}


@lru_cache(maxsize=1)
def _load(model: str, policy: Policy | None, device: str) -> Detector:
    return Detector(open_scorer(Path(model), device, threads=1), policy=policy)


def _told(image: StoredImage) -> dict[str, str | None]:
    return {name: getattr(image, name) for name in _TOLD}


def predict_in_parts(  # noqa: PLR0913 - the command's options
    inputs: Sequence[str],
    *,
    out: str,
    model: Path | None = None,
    policy: Policy | None = None,
    stability: bool = False,
    trust_anchors: str | None = None,
    device: str = "cpu",
    engine: Engine | None = None,
    part_rows: int = PART_ROWS,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Plan:
    """Write a folder of parts with a row for every image, and return its manifest.

    Args:
        inputs: see ``data.collect.collect``.
        out: folder, as a path or URL; killed, it is completed by the same call.
        model: run folder or ``.onnx`` file; default the detector that fauxto brings along.
        policy: rule whose threshold to use; default ``DEFAULT_POLICY`` where the card has it.
        stability: look at mild re-encodings too.
        trust_anchors: certificates (PEM) of authorities whose Content Credentials are trusted.
        device: where a run folder's network computes.
        engine: who does it; default two processes here.
        part_rows: rows of a part file.
        overwrite: replace what fauxto wrote there before.
        progress: told how many images are done.

    Raises:
        DataError: an input holds no image or cannot be understood.
        OtherResult: ``out`` was finished before images came or went.
        ArtifactError: ``out`` is in the way or cannot be written, or there is no usable model.
        MissingExtra: an engine or store was named whose part is not installed.
    """
    path = (model or bundled_detector()).resolve()
    row = PredictRow(str(path), policy, stability, trust_anchors, device)
    arguments = {
        **asdict(row),
        "inputs": list(inputs),
        "model_sha256": file_digest(path if path.is_file() else path / "card.json"),
    }
    plan = open_plan(out, "predict", arguments, part_rows=part_rows, overwrite=overwrite)
    if plan.state is FolderState.DONE:
        require_same_images(plan, collect(inputs))
        return plan
    plan = list_images(plan, collect(inputs))
    work = PartWork(
        plan,
        function=row,
        on_lost=row.lose,
        schema=SCHEMA,
        timeout_s=TIMEOUT_S,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
    )
    return run_parts(work, engine or Engine(), progress)


def count_verdicts(plan: Plan) -> dict[str, int]:
    """Return how many rows of a finished folder have each verdict, or an error, part by part."""
    counts = dict.fromkeys((*(verdict.value for verdict in Verdict), "error"), 0)
    for address in plan.parts():
        verdicts = read_frame(address, ["verdict"])["verdict"].fill_null("error")
        for verdict, n in verdicts.value_counts().iter_rows():
            counts[verdict] += n
    return counts
