"""A trained network under study, and what it says of images."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from torch import Tensor, nn

from fauxto.core.labels import Label, Verdict
from fauxto.core.records import ModelCard, Preprocess
from fauxto.explain.hooks import borrowed
from fauxto.explain.items import Item
from fauxto.explain.layout import Layout
from fauxto.explain.target import Target, choose_directions, log_odds
from fauxto.loading.batches import iterate_batches
from fauxto.metrics.threshold import verdict


@dataclass(frozen=True)
class Subject:
    """A run that is explained."""

    name: str
    """Unique among the runs explained together."""
    module: nn.Module
    card: ModelCard
    layout: Layout
    methods: tuple[str, ...]
    """Names of the methods used on it."""

    @property
    def device(self) -> torch.device:
        """Return where the weights are."""
        return next(self.module.parameters()).device

    def place(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Return a batch on the network's device."""
        return torch.from_numpy(inputs).to(self.device)

    def odds(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, " n"]:
        """Return log odds of fake, before temperature."""
        with borrowed(self.module), torch.no_grad():
            return log_odds(self.module, self.place(inputs)).double().cpu().numpy()

    def directions(self, odds: Float[np.ndarray, " n"], target: Target) -> Float[np.ndarray, " n"]:
        """Return the side that is explained: +1 fake, −1 real; ``PREDICTED`` is by the card's
        threshold.
        """  # noqa: D205 - one sentence
        share = np.clip(self.card.threshold, 1e-12, 1 - 1e-12)
        limit = self.card.temperature * float(np.log(share / (1 - share)))
        return choose_directions(target, odds, limit)


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
    items: Sequence[Item], preprocess: Preprocess, *, batch_size: int, workers: int
) -> Iterator[Seen]:
    """Yield the items in batches, preprocessed; unreadable ones as errors."""
    paths = [item.path for item in items]
    for batch in iterate_batches(paths, preprocess, batch_size=batch_size, workers=workers):
        errors = {index: f"{error.status}: {error}" for index, error in batch.errors.items()}
        yield Seen(batch.indices, batch.inputs, errors)


def judge(subject: Subject, odds: float, label: Label | None) -> Judgement:
    """Return score, verdict and outcome for one image's log odds."""
    score = 1 / (1 + float(np.exp(-np.clip(odds / subject.card.temperature, -700, 700))))
    threshold = subject.card.threshold
    outcome = None
    if label is not None:
        called_fake = score >= threshold
        right = called_fake == (label is Label.FAKE)
        outcome = ("t" if right else "f") + ("p" if called_fake else "n")
    return Judgement(odds, score, verdict(score, threshold, subject.card.unsure_band), outcome)


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
