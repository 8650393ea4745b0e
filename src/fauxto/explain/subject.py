"""A trained network under study, and what it says of images. Runs without torch."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image

from fauxto.core.labels import Label, Verdict
from fauxto.core.records import ModelCard, Preprocess
from fauxto.data.stored import StoredImage
from fauxto.explain.target import Target, choose_directions
from fauxto.loading.batches import iterate_batches
from fauxto.metrics.threshold import verdict


@dataclass(frozen=True)
class Ruin:
    """A copy of a network in which part of what it learned is destroyed."""

    share: float
    """Share of the layers destroyed, from the output backwards."""
    subject: "Subject"


@runtime_checkable
class Subject(Protocol):
    """A model that is explained: a run folder or an ONNX file."""

    @property
    def name(self) -> str:
        """Return a name that is unique among the models explained together."""
        ...

    @property
    def card(self) -> ModelCard:
        """Return the model's card."""
        ...

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the names of the methods used on it."""
        ...

    def odds(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, " n"]:
        """Return log odds of fake, before temperature."""
        ...

    def explain(
        self,
        inputs: Float32[np.ndarray, "n 3 h w"],
        method: str,
        directions: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n h w"]:
        """Return one method's maps in [0, 1] for given sides: +1 explains fake, −1 real."""
        ...

    def ruins(self, seed: int) -> Iterator[Ruin]:
        """Yield copies destroyed further and further; none where weights cannot be reached."""
        ...


def choose_sides(
    card: ModelCard, odds: Float[np.ndarray, " n"], target: Target
) -> Float[np.ndarray, " n"]:
    """Return the side that is explained: +1 fake, −1 real; ``PREDICTED`` by the card's threshold.

    Args:
        card: of the model.
        odds: log odds of fake, before temperature.
        target: whose evidence is shown.
    """
    share = np.clip(card.threshold, 1e-12, 1 - 1e-12)
    return choose_directions(target, odds, card.temperature * float(np.log(share / (1 - share))))


@dataclass(frozen=True)
class Judgement:
    """What a network says of one image."""

    odds: float
    """Log odds of fake, before temperature."""
    score: float
    verdict: Verdict
    outcome: str | None
    """``tp``, ``fn``, ``fp`` or ``tn`` by the threshold; None without a label."""


@dataclass(frozen=True)
class Seen:
    """A batch as a network sees it."""

    indices: list[int]
    """Positions among the items."""
    inputs: Float32[np.ndarray, "n 3 h w"]
    errors: dict[int, str]
    """Why other images of this part could not be read, by position."""


def see_items(
    items: Sequence[StoredImage], preprocess: Preprocess, *, batch_size: int, workers: int
) -> Iterator[Seen]:
    """Yield the items in batches, preprocessed; unreadable ones as errors."""
    for batch in iterate_batches(items, preprocess, batch_size=batch_size, workers=workers):
        errors = {index: f"{error.status}: {error}" for index, error in batch.errors.items()}
        yield Seen(batch.indices, batch.inputs, errors)


def judge(card: ModelCard, odds: float, label: Label | None) -> Judgement:
    """Return score, verdict and outcome for one image's log odds."""
    score = 1 / (1 + float(np.exp(-np.clip(odds / card.temperature, -700, 700))))
    outcome = None
    if label is not None:
        called_fake = score >= card.threshold
        right = called_fake == (label is Label.FAKE)
        outcome = ("t" if right else "f") + ("p" if called_fake else "n")
    return Judgement(odds, score, verdict(score, card.threshold, card.unsure_band), outcome)


def to_rgb(
    inputs: Float32[np.ndarray, "3 h w"], preprocess: Preprocess
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture that a network's input was made from, after scaling."""
    pixels = inputs.transpose(1, 2, 0) * np.array(preprocess.std) + np.array(preprocess.mean)
    return np.clip(pixels * 255, 0, 255).round().astype(np.uint8)


def reencode(rgb: UInt8[np.ndarray, "h w 3"], quality: int = 90) -> Image.Image:
    """Return a picture after a mild JPEG compression."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer, formats=("JPEG",)).convert("RGB")
