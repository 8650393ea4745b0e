"""One upload to its answer: decoded in a worker process, scored with others, judged by the card."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Float32

from fauxto.core.errors import ImageStatus, UnreadableImage
from fauxto.core.records import Policy, Prediction, Preprocess
from fauxto.imaging.decode import Limits, decode_rgb
from fauxto.imaging.preprocess import preprocess_image
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.threshold import verdict
from fauxto.models.scorer import Scorer
from fauxto.predict.detector import Detector
from fauxto.serve.batcher import Batcher
from fauxto.serve.decode_pool import DecodePool
from fauxto.serve.problems import ProblemError, unreadable_problem
from fauxto.serve.settings import ServeSettings
from fauxto.serve.upload import UploadedFile


@dataclass(frozen=True)
class Job:
    """What a decoding process is asked to do; shows nothing of the picture in logs."""

    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Decoded:
    """What a decoding process sends back."""

    inputs: Float32[np.ndarray, "3 h w"]


@dataclass(frozen=True)
class Undecoded:
    """Why a decoding process sends nothing back."""

    status: ImageStatus
    message: str
    out_of_memory: bool

    def problem(self) -> ProblemError:
        """Return it as a problem."""
        error = UnreadableImage(self.status, self.message)
        error.__cause__ = MemoryError() if self.out_of_memory else None
        return unreadable_problem(error)


def decode_job(job: Job, *, preprocess: Preprocess, limits: Limits) -> Decoded | Undecoded:
    """Decode one upload; runs in a decoding process."""
    try:
        decoded = decode_rgb(job.content, limits)
        return Decoded(preprocess_image(decoded.rgb, preprocess))
    except UnreadableImage as error:
        return Undecoded(error.status, str(error), isinstance(error.__cause__, MemoryError))


@dataclass(frozen=True)
class Examined:
    """What is known of one picture."""

    prediction: Prediction
    problem: ProblemError | None = None


class Examiner:
    """Decoding processes and a network, shared by all requests.

    Attributes:
        detectors: the model under each policy of its card; None is the card's own choice.
        pool: the decoding processes.
        batcher: the network.
    """

    def __init__(self, scorer: Scorer, settings: ServeSettings) -> None:
        self.scorer = scorer
        self.detectors: dict[Policy | None, Detector] = {None: Detector(scorer)}
        for point in scorer.card.operating_points:
            self.detectors[point.policy] = Detector(scorer, policy=point.policy)
        limits = settings.limits
        self.pool: DecodePool[Job, Decoded | Undecoded] = DecodePool(
            partial(
                decode_job,
                preprocess=scorer.card.preprocess,
                limits=Limits(max_pixels=limits.max_pixels, max_bytes=limits.max_file_bytes),
            ),
            workers=settings.decode_workers,
            timeout_s=limits.image_timeout_s,
            memory_limit_bytes=limits.decode_memory_bytes,
        )
        self.batcher = Batcher(scorer, batch_size=settings.batch_size)

    async def start(self) -> None:
        """Start the processes and the network."""
        await asyncio.to_thread(self.pool.start)
        self.batcher.start()

    async def stop(self) -> None:
        """Finish what was begun and end."""
        await asyncio.to_thread(self.pool.stop)
        await self.batcher.stop()

    def detector(self, policy: Policy | None) -> Detector:
        """Return the detector under a policy.

        Raises:
            ProblemError: the card has no threshold for it.
        """
        try:
            return self.detectors[policy]
        except KeyError as error:
            known = ", ".join(name for name in self.detectors if name is not None)
            raise ProblemError(
                "invalid_option", f"the model has no threshold for {policy}; it has {known}"
            ) from error

    async def examine(self, file: UploadedFile, policy: Policy | None) -> Examined:
        """Return what is known of one picture; one that cannot be used has its problem.

        Raises:
            ProblemError: the policy is not on the card.
        """
        detector = self.detector(policy)
        try:
            decoded = await asyncio.wrap_future(self.pool.submit(Job(file.content)))
        except ProblemError as problem:
            error = f"{problem.code}: {problem.detail}"
            return Examined(self._predict(detector, file.name, None, error), problem)
        if isinstance(decoded, Undecoded):
            error = f"{decoded.status}: {decoded.message}"
            prediction = self._predict(detector, file.name, None, error)
            return Examined(prediction, decoded.problem())
        logits = await self.batcher.logits(decoded.inputs)
        score = float(fake_score(logits[None], self.scorer.card.temperature)[0])
        return Examined(self._predict(detector, file.name, score, None))

    def _predict(
        self, detector: Detector, name: str, score: float | None, error: str | None
    ) -> Prediction:
        card = self.scorer.card
        said = None if score is None else verdict(score, detector.threshold, card.unsure_band)
        return Prediction(
            path=name,
            verdict=said,
            score=score,
            threshold=detector.threshold,
            unsure_band=card.unsure_band,
            model=card.name,
            preprocess_hash=card.preprocess_hash,
            error=error,
        )
