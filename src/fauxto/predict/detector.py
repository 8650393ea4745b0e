"""A detector: a model, its card, and how images go in and verdicts come out."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Self

import numpy as np

from fauxto.core.choices import Reencoding
from fauxto.core.errors import ArtifactError, RecipeError
from fauxto.core.labels import Verdict
from fauxto.core.provenance import Provenance
from fauxto.core.records import Policy, Prediction
from fauxto.imaging.decode import Limits
from fauxto.loading.ahead import map_ahead
from fauxto.metrics.score import fake_score
from fauxto.metrics.threshold import unsure_between, verdict
from fauxto.models.onnx_scorer import OnnxScorer
from fauxto.models.scorer import Scorer, bundled_detector, open_scorer
from fauxto.predict.inputs import ImageInput
from fauxto.predict.opening import AnyImage, Opened, Opening
from fauxto.predict.overlay import draw_overlay, name_overlay, write_overlay

DEFAULT_POLICY: Final = Policy.FPR_5
"""False alarms cost most: used where the caller names no policy and the card has this one."""

BATCH_SIZE: Final = 8
"""Enough for the network to be busy, few enough for flat memory and early answers."""

_UNBOUNDED: Final = Limits()


class Detector:
    """Says of images whether they are real or made by AI. May be used from several threads.

    Attributes:
        scorer: the model.
        policy: rule by which validation chose the threshold.
        threshold: score at or above which the verdict is fake.
    """

    def __init__(self, scorer: Scorer, *, policy: Policy | None = None) -> None:
        """Use a model under a policy of its card.

        Args:
            scorer: the model.
            policy: default ``DEFAULT_POLICY`` where the card has it, else the card's own.

        Raises:
            RecipeError: the card has no threshold for the policy.
        """
        card = scorer.card
        point = card.operating_point(policy or DEFAULT_POLICY)
        if point is None and policy is not None:
            known = ", ".join(point.policy for point in card.operating_points)
            raise RecipeError(
                f"{card.name} has no threshold for the policy {policy}: its validation set was "
                f"too small; it has {known}"
            )
        self.scorer = scorer
        self.policy = card.policy if point is None else point.policy
        self.threshold = card.threshold if point is None else point.threshold

    @classmethod
    def load(
        cls, model: Path | str | None = None, *, policy: Policy | None = None, device: str = "cpu"
    ) -> Self:
        """Open a run folder or an ONNX file.

        Args:
            model: run folder (needs the ``train`` extra) or exported ``.onnx`` file; default the
                detector that fauxto brings along.
            policy: rule whose threshold to use; default ``DEFAULT_POLICY`` where the card has it,
                else the card's own.
            device: where a run folder's network computes.

        Raises:
            ArtifactError: there is no usable model.
            MissingExtra: a run folder was given and torch is not installed.
            RecipeError: the card has no threshold for the policy.
        """
        path = bundled_detector() if model is None else Path(model)
        return cls(open_scorer(path, device), policy=policy)

    def predict(self, image: AnyImage, *, stability: bool = False) -> Prediction:
        """Return the prediction for one image; one that cannot be read has its error, no score.

        Args:
            image: path, bytes of a file, Pillow image, or uint8 array of shape (h, w, 3).
            stability: look at the card's mild re-encodings too; see ``predict_many``.

        Raises:
            DataError: an array is not of uint8 or has another shape.
        """
        return next(self.predict_many([image], batch_size=1, workers=1, stability=stability))

    def predict_many(
        self,
        images: Iterable[AnyImage | ImageInput],
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = 2,
        limits: Limits = _UNBOUNDED,
        stability: bool = False,
        explain: Path | None = None,
        trust_anchors: str | None = None,
    ) -> Iterator[Prediction]:
        """Give a prediction for each image, in order; a broken one has its error and no score.

        Args:
            images: taken one by one and forgotten, so there may be any number.
            batch_size: images the network sees at once.
            workers: threads that read and decode.
            limits: bounds on bytes and pixels, checked before memory is taken.
            stability: look at the card's mild re-encodings too, one more pass for each; a verdict
                that one of them flips becomes unsure.
            explain: folder for a picture of each image with the places that decided the score.
            trust_anchors: certificates (PEM) of authorities whose Content Credentials are trusted.

        Raises:
            ArtifactError: pictures are asked for and the model gives no activation map.
            DataError: an array is not of uint8 or has another shape.
        """
        if explain is not None and not (
            isinstance(self.scorer, OnnxScorer) and self.scorer.has_cam
        ):
            raise ArtifactError(
                f"{self.scorer.name} gives no activation map: export a run whose network has one "
                "('fauxto export RUN'), or explain the run with 'fauxto explain RUN --images PATH'"
            )
        opening = Opening(
            self.scorer.card.preprocess,
            limits,
            self.scorer.card.mild_reencodings if stability else (),
            keep_fitted=explain is not None,
            trust_anchors=trust_anchors,
        )
        opened = map_ahead(opening.open, images, workers=workers, ahead=batch_size + workers)
        return self._predict_opened(opened, opening.reencodings, batch_size, explain)

    def _predict_opened(
        self,
        opened: Iterator[Opened],
        reencodings: Sequence[Reencoding],
        batch_size: int,
        explain: Path | None,
    ) -> Iterator[Prediction]:
        while batch := list(islice(opened, batch_size)):
            inputs = [each for image in batch for each in image.inputs]
            scores = iter(self._score(inputs))
            for image in batch:
                if image.error is not None:
                    error = f"{image.error.status}: {image.error}"
                    yield self.judge(image.name, None, provenance=image.provenance, error=error)
                    continue
                score, *again = islice(scores, 1 + len(reencodings))
                flips = self._find_flips(score, dict(zip(reencodings, again, strict=True)))
                yield self.judge(
                    image.name,
                    score,
                    flips=flips if reencodings else None,
                    provenance=image.provenance,
                    notes=image.notes,
                    doubts=image.doubts,
                    explanation=None if explain is None else self._explain(image, score, explain),
                )

    def _score(self, inputs: Sequence[np.ndarray]) -> list[float]:
        if not inputs:
            return []
        logits = self.scorer.logits(np.stack(inputs))
        return fake_score(logits, self.scorer.card.temperature).tolist()

    def _find_flips(self, score: float, again: dict[Reencoding, float]) -> tuple[Reencoding, ...]:
        """Return the re-encodings that move the score across the threshold."""
        fake = score >= self.threshold
        return tuple(change for change, other in again.items() if (other >= self.threshold) != fake)

    def _explain(self, image: Opened, score: float, folder: Path) -> str:
        path = folder / name_overlay(image.name)
        if isinstance(self.scorer, OnnxScorer) and image.fitted is not None:
            cam = self.scorer.cam(image.inputs[0][None])[0]
            fake = score >= self.threshold
            write_overlay(draw_overlay(image.fitted, cam, towards_fake=fake), path)
        return str(path)

    def judge(
        self,
        name: str,
        score: float | None,
        *,
        flips: tuple[Reencoding, ...] | None = None,
        provenance: Provenance | None = None,
        notes: tuple[str, ...] = (),
        doubts: tuple[str, ...] = (),
        explanation: str | None = None,
        error: str | None = None,
    ) -> Prediction:
        """Return what is said of an image with this score, and all that made the verdict.

        Args:
            name: of the image.
            score: in [0, 1], 1 is fake; None if it could not be read.
            flips: re-encodings that move the score across the threshold; None if not looked at.
            provenance: what the file says of itself; never changes the verdict.
            notes: what was done to the pixels that the reader should know.
            doubts: why no score could tell anything of it; any makes the verdict unsure.
            explanation: picture with the places that decided the score.
            error: why it could not be read.
        """
        card = self.scorer.card
        said: Verdict | None = None
        if score is not None:
            said = verdict(score, self.threshold, card.unsure_band)
            said = Verdict.UNSURE if flips or doubts else said
        return Prediction(
            path=name,
            verdict=said,
            score=score,
            threshold=self.threshold,
            policy=self.policy,
            unsure_band=unsure_between(self.threshold, card.unsure_band),
            model=card.name,
            preprocess_hash=card.preprocess_hash,
            provenance=provenance,
            notes=(*notes, *doubts),
            flips=flips,
            explanation=explanation,
            error=error,
        )
