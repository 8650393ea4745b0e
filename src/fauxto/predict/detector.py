"""A detector: a model, its card, and how images go in and verdicts come out."""

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from fauxto.core.errors import RecipeError, UnreadableImage
from fauxto.core.labels import Verdict
from fauxto.core.records import Policy, Prediction
from fauxto.imaging.decode import Limits
from fauxto.loading.batches import iterate_batches
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.threshold import verdict
from fauxto.models.scorer import Scorer, open_scorer
from fauxto.predict.inputs import ImageInput

type_of_image = Path | str | bytes | Image.Image | np.ndarray

CHUNK = 4096
"""Images listed ahead of the network; bounds memory for endless inputs."""


class Detector:
    """Says of images whether they are real or made by AI.

    Attributes:
        scorer: the model.
        threshold: score at or above which the verdict is fake.
    """

    def __init__(self, scorer: Scorer, *, policy: Policy | None = None) -> None:
        card = scorer.card
        self.scorer = scorer
        self.threshold = card.threshold
        if policy is not None:
            point = card.operating_point(policy)
            if point is None:
                known = ", ".join(point.policy for point in card.operating_points)
                raise RecipeError(
                    f"{card.name} has no threshold for the policy {policy}: its validation set was "
                    f"too small; it has {known}"
                )
            self.threshold = point.threshold

    @classmethod
    def load(cls, model: Path | str, *, policy: Policy | None = None, device: str = "cpu") -> Self:
        """Open a run folder or an ONNX file.

        Args:
            model: run folder (needs the ``train`` extra) or exported ``.onnx`` file.
            policy: rule whose threshold to use; default the card's.
            device: where a run folder's network computes.

        Raises:
            ArtifactError: there is no usable model.
            MissingExtra: a run folder was given and torch is not installed.
            RecipeError: the card has no threshold for the policy.
        """
        return cls(open_scorer(Path(model), device), policy=policy)

    def predict(self, image: type_of_image) -> Prediction:
        """Return the prediction for one image; one that cannot be read has its error, no score.

        Args:
            image: path, bytes of a file, Pillow image, or uint8 array of shape (h, w, 3).
        """
        name = str(image) if isinstance(image, str | Path) else "-"
        inputs = [ImageInput(name, _content(image))]
        return next(self.predict_many(inputs, batch_size=1, workers=1))

    def predict_many(
        self,
        images: Iterable[ImageInput],
        *,
        batch_size: int = 16,
        workers: int = 2,
        limits: Limits | None = None,
    ) -> Iterator[Prediction]:
        """Give a prediction for each image, in order; a broken one has its error and no score.

        Args:
            images: the images; read lazily, so there may be any number.
            batch_size: images the network sees at once.
            workers: threads that read and decode.
            limits: bounds on bytes and pixels, checked before memory is taken.
        """
        images = iter(images)
        while chunk := list(islice(images, CHUNK)):
            for batch in iterate_batches(
                [image.content for image in chunk],
                self.scorer.card.preprocess,
                batch_size=batch_size,
                workers=workers,
                limits=limits or Limits(),
            ):
                scores: dict[int, float] = {}
                if batch.indices:
                    logits = self.scorer.logits(batch.inputs)
                    computed = fake_score(logits, self.scorer.card.temperature)
                    scores = dict(zip(batch.indices, computed.tolist(), strict=True))
                for index in sorted([*batch.indices, *batch.errors]):
                    yield self._prediction(chunk[index], scores.get(index), batch.errors.get(index))

    def _prediction(
        self, image: ImageInput, score: float | None, error: UnreadableImage | None
    ) -> Prediction:
        card = self.scorer.card
        said: Verdict | None = None
        if score is not None:
            said = verdict(score, self.threshold, card.unsure_band)
        return Prediction(
            path=image.name,
            verdict=said,
            score=score,
            threshold=self.threshold,
            unsure_band=card.unsure_band,
            model=card.name,
            preprocess_hash=card.preprocess_hash,
            error=None if error is None else f"{error.status}: {error}",
        )


def _content(image: type_of_image) -> Path | bytes:
    if isinstance(image, str | Path):
        return Path(image)
    if isinstance(image, bytes):
        return image
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()
