"""From image files to logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32

from fauxto.core.progress import Progress, silent
from fauxto.data.stored import StoredImage
from fauxto.loading.batches import iterate_batches
from fauxto.models.scorer import Scorer

BATCH_SIZE: Final = 32
"""Images that pass through the network at once."""


@dataclass(frozen=True)
class Logits:
    """The network's outputs for a list of images."""

    values: Float32[np.ndarray, "n 2"]
    """In the order real, fake; NaN where the image could not be read."""
    errors: dict[int, str]
    """Why an image could not be read, by its position."""


def score_images(
    scorer: Scorer,
    images: Sequence[StoredImage | bytes],
    *,
    workers: int,
    progress: Progress = silent,
    stage: str = "evaluate",
) -> Logits:
    """Return the network's outputs for images or their bytes, in the given order."""
    values = np.full((len(images), 2), np.nan, dtype=np.float32)
    errors: dict[int, str] = {}
    done = 0
    for batch in iterate_batches(
        images, scorer.card.preprocess, batch_size=BATCH_SIZE, workers=workers
    ):
        if batch.indices:
            values[batch.indices] = scorer.logits(batch.inputs)
        errors |= {index: f"{error.status}: {error}" for index, error in batch.errors.items()}
        done += len(batch.indices) + len(batch.errors)
        progress(stage, done, len(images))
    return Logits(values, errors)
