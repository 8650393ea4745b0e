"""Records that cross rooms and files: preprocessing, operating points, the model card."""

import hashlib
import json
from typing import Annotated, Final, Literal

from pydantic import Field

from fauxto.core.choices import Fit as Fit
from fauxto.core.choices import Policy as Policy
from fauxto.core.choices import Reencoding
from fauxto.core.choices import Resample as Resample
from fauxto.core.frozen import Document as Document
from fauxto.core.frozen import Record as Record
from fauxto.core.labels import Verdict
from fauxto.core.provenance import Provenance

SCHEMA: Final = 1
"""Schema version of every JSON and TOML file that this version writes."""


class Preprocess(Record):
    """Everything between the bytes of a file and the network's input.

    Saved with the weights and used alike by train, evaluate, explain, export and predict. The
    input of the network is ``(pixels / 255 - mean) / std`` as float32 of shape ``(3, size_px,
    size_px)``. Orientation tags are applied, alpha is laid over white, the first frame of an
    animation is used.
    """

    size_px: Annotated[int, Field(ge=16, le=4096)] = 224
    """Side of the square input in pixels."""
    fit: Fit = Fit.SQUASH
    resample: Resample = Resample.EXACT
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Mean of each channel (red, green, blue) in [0, 1]; default ImageNet's."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Standard deviation of each channel in (0, 1]; default ImageNet's."""

    @property
    def hash(self) -> str:
        """Return 12 hexadecimal digits that change when any part of the record changes."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


Score = Annotated[float, Field(ge=0, le=1)]


class OperatingPoint(Record):
    """A threshold and what it did on the validation rows that chose it."""

    policy: Policy
    threshold: Score
    """Score at or above which the verdict is fake."""
    recall_fake: Score
    """Share of validation fakes that were called fake."""
    fpr: Score
    """Share of validation reals that were called fake."""
    cost_ratio: Annotated[float, Field(gt=0)] | None = None
    """What a missed fake costs, in false alarms; null but for the policy ``cost``."""


class ClassCounts(Record):
    """Number of images of each class."""

    real: int = 0
    fake: int = 0


class DataSummary(Record):
    """What a run was trained on."""

    digest: str
    """SHA-256 over path, label, split and content digest of every row."""
    counts: dict[str, ClassCounts]
    """Images per split."""
    sources: dict[str, int] = Field(default_factory=dict)
    """Training images per source."""
    licences: dict[str, str] = Field(default_factory=dict)
    """Of the training images, by source, as the data told."""
    generators: dict[str, int] = Field(default_factory=dict)
    """Training images per generator."""
    split_method: str = "given"
    """How the splits were made."""


class Environment(Record):
    """Where and with what a run was made."""

    python: str
    platform: str
    device: str
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of the packages that shape numbers."""


class SeedSpread(Record):
    """What several trainings that differ in their seed alone came to on validation."""

    seeds: tuple[int, ...]
    mean: dict[str, float]
    """Mean over the seeds, by metric."""
    deviation: dict[str, float]
    """Sample standard deviation over the seeds, by metric."""


class ContinuedRow(Record):
    """What continuing did to one kind of validation images."""

    by: Literal["label", "generator"]
    value: str
    n: int
    """Validation images of this kind."""
    before: Score
    """Share of them that the run before calls right, at its own threshold."""
    after: Score
    """The same of the new run, at its threshold."""
    known: bool
    """Whether the run before had such images in its training."""


class Continued(Document):
    """A run that started from another run's weights: what it gained and lost."""

    run: str
    """Name of the run before."""
    images: int
    """Validation images. If the run before was trained on some of them, it is flattered."""
    accuracy_before: Score
    accuracy_after: Score
    rows: tuple[ContinuedRow, ...]
    not_measured: tuple[str, ...] = ()
    """Generators that the run before learned and these validation images lack."""


class ModelCard(Document):
    """What a trained model is, how to use it, and how it came to be (``card.json``)."""

    name: str
    """Name of the run."""
    architecture: str
    """Name of the network, a row of ``fauxto models`` or a timm name."""
    parameters: int
    """Number of weights."""
    preprocess: Preprocess
    preprocess_hash: str
    labels: tuple[Literal["real"], Literal["fake"]] = ("real", "fake")
    """Order of the two logits."""
    temperature: Annotated[float, Field(gt=0)]
    """Logits are divided by it before the softmax; fitted on validation (Guo et al. 2017)."""
    threshold: Score
    """Score at or above which the verdict is fake, by ``policy``."""
    policy: Policy
    operating_points: tuple[OperatingPoint, ...]
    """What each policy would give."""
    unsure_band: tuple[Score, Score] | None = None
    """Scores between which (inclusive) the verdict is unsure; null where validation had too few
    images to fit one."""
    mild_reencodings: tuple[Reencoding, ...] = tuple(Reencoding)
    """Changes that should not change a verdict; one that does makes it unsure, where asked for."""
    data: DataSummary
    seed: int
    epochs: int
    """Epochs trained."""
    best_epoch: int
    """Epoch whose weights were kept, counted from 1."""
    best_val_loss: float
    batch_size: int
    lr: float
    weights_source: str
    """Where the weights came from before fine-tuning."""
    weights_licence: str
    wall_time_s: float | None
    """Seconds of training; null in exported files, which equal runs must make alike."""
    environment: Environment
    limits: tuple[str, ...] = ()
    """Known limits, in sentences."""
    spread: SeedSpread | None = None
    """What this and its sister runs with other seeds came to; null for a single run."""
    teacher_seeds: tuple[int, ...] = ()
    """Seeds of the trainings that this network was distilled from; empty for a plain training."""
    continued: Continued | None = None
    """Gains and losses against the run that it started from; null for other weights."""

    def operating_point(self, policy: Policy) -> OperatingPoint | None:
        """Return the card's operating point for a policy, or None if it has none."""
        return next((point for point in self.operating_points if point.policy == policy), None)


class Prediction(Record):
    """What fauxto says of one image, with everything that made the verdict."""

    path: str
    """The image as it was named by the caller."""
    verdict: Verdict | None = None
    """Null where the image could not be read."""
    score: Score | None = None
    """Calibrated probability that the image is fake."""
    threshold: Score
    policy: Policy | None = None
    """Rule by which validation chose the threshold."""
    unsure_band: tuple[Score, Score] | None = None
    """Score below which the verdict is real and above which it is fake; it holds the threshold."""
    model: str
    """Name of the model, from its card."""
    preprocess_hash: str
    provenance: Provenance | None = None
    """What the file says of itself, never part of the score; null where there is no file."""
    notes: tuple[str, ...] = ()
    """What was done to the pixels that the reader should know, such as alpha laid over white."""
    flips: tuple[Reencoding, ...] | None = None
    """Mild re-encodings under which the verdict would be another; null where not looked at."""
    explanation: str | None = None
    """Picture with the places that decided the score; null where none was asked for."""
    error: str | None = None
    """Why the image could not be read."""
