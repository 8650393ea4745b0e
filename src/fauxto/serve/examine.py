"""One upload to its answer: decoded in a worker process, scored with others, judged by the card."""

import asyncio
from dataclasses import dataclass
from functools import partial

import numpy as np

from fauxto.core.choices import Policy, Reencoding
from fauxto.core.labels import Label
from fauxto.imaging.decode import Limits
from fauxto.metrics.score import fake_score
from fauxto.models.scorer import Scorer
from fauxto.predict.detector import Detector
from fauxto.serve.batcher import Batcher
from fauxto.serve.decode_job import Decoded, Job, Undecoded, decode_job
from fauxto.serve.decode_pool import DecodePool
from fauxto.serve.heat import covered_box, describe_heat
from fauxto.serve.problems import ProblemError, unreadable_problem
from fauxto.serve.schemas import ExplanationForm, Result, Stability
from fauxto.serve.settings import ServeSettings
from fauxto.serve.upload import UploadedFile


@dataclass(frozen=True)
class Options:
    """What a client wants to know.

    Attributes:
        policy: rule whose threshold to use; None is the detector's default.
        stability: whether to look at mild re-encodings too.
        explanation: how to send a heat map.
        preview: whether to send the picture as the network sees it.
    """

    policy: Policy | None = None
    stability: bool = False
    explanation: ExplanationForm = ExplanationForm.NONE
    preview: bool = False


class Examiner:
    """Decoding processes and a network, shared by all requests.

    Attributes:
        detectors: the model under each policy of its card; None is the default.
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
        # Enough for the network to fill a batch while the next one is decoded; the inputs of more
        # pictures would only take memory.
        self._slots = asyncio.Semaphore(2 * settings.batch_size + settings.decode_workers)

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

    async def examine(self, file: UploadedFile, options: Options) -> Result:
        """Return what is known of one picture; one that cannot be used has its problem.

        Raises:
            ProblemError: the policy is not on the card.
        """
        detector = self.detector(options.policy)
        async with self._slots:
            try:
                return await self._examine(detector, file, options)
            except ProblemError as lost:
                error = f"{lost.code}: {lost.detail}"
                prediction = detector.judge(file.name, None, error=error)
                return Result(prediction=prediction, problem=lost.body())

    async def _examine(self, detector: Detector, file: UploadedFile, options: Options) -> Result:
        reencodings = self.scorer.card.mild_reencodings if options.stability else ()
        job = Job(file.content, reencodings, options.preview)
        decoded = await asyncio.wrap_future(self.pool.submit(job))
        if isinstance(decoded, Undecoded):
            problem = unreadable_problem(
                decoded.status, decoded.message, out_of_memory=decoded.out_of_memory
            )
            error = f"{decoded.status}: {decoded.message}"
            prediction = detector.judge(file.name, None, provenance=decoded.provenance, error=error)
            return Result(prediction=prediction, problem=problem.body())
        wanted = options.explanation is not ExplanationForm.NONE
        seen = await asyncio.gather(
            *(
                self.batcher.look(inputs, cam=wanted and index == 0)
                for index, inputs in enumerate(decoded.inputs)
            )
        )
        logits = np.stack([one.logits for one in seen])
        score, *again = fake_score(logits, self.scorer.card.temperature).tolist()
        stability = describe_stability(detector, score, dict(zip(reencodings, again, strict=True)))
        explanation = None
        if wanted:
            explanation = await asyncio.to_thread(
                describe_heat,
                seen[0].cam,
                options.explanation,
                side=Label.FAKE if score >= detector.threshold else Label.REAL,
                box=covered_box(*decoded.size, self.scorer.card.preprocess),
            )
        prediction = detector.judge(
            file.name,
            score,
            flips=None if stability is None else stability.flips,
            notes=decoded.notes,
            doubts=decoded.doubts,
            provenance=decoded.provenance,
        )
        return Result(
            prediction=prediction,
            stability=stability,
            explanation=explanation,
            preview=decoded.preview,
        )


def describe_stability(
    detector: Detector, score: float, again: dict[Reencoding, float]
) -> Stability | None:
    """Return what mild re-encodings did to a score; None if none was looked at.

    Args:
        detector: whose threshold is meant.
        score: of the picture as it was sent.
        again: score after each re-encoding.
    """
    if not again:
        return None
    fake = score >= detector.threshold
    return Stability(
        scores=again,
        flips=tuple(
            change for change, other in again.items() if (other >= detector.threshold) != fake
        ),
        largest_change=max(abs(other - score) for other in again.values()),
    )
