"""What the routes share: admission to the server, and one request's pictures to their answers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from fauxto.serve.examine import Examiner, Options
from fauxto.serve.problems import ProblemError
from fauxto.serve.schemas import Result
from fauxto.serve.settings import ServeSettings
from fauxto.serve.telemetry import Telemetry
from fauxto.serve.upload import HeldBytes, UploadedFile, receive_files


class Service:
    """One server's state.

    Attributes:
        examiner: decoding and network.
        settings: how the server runs.
        telemetry: its counters.
        ready: whether requests can be answered.
    """

    def __init__(self, examiner: Examiner, settings: ServeSettings, telemetry: Telemetry) -> None:
        self.examiner = examiner
        self.settings = settings
        self.telemetry = telemetry
        self.ready = False
        self.held = HeldBytes(settings.limits.max_held_bytes)
        self._requests = 0
        self._pictures = 0
        telemetry.busy.set_function(lambda: self._requests)
        telemetry.held.set_function(lambda: self.held.held)
        telemetry.pictures.set_function(lambda: self._pictures)
        telemetry.passes.set_function(lambda: examiner.batcher.passes)
        telemetry.replaced.set_function(lambda: examiner.pool.replaced)

    async def start(self) -> None:
        """Start the decoding processes and the network."""
        await self.examiner.start()
        self.ready = True

    async def stop(self) -> None:
        """Finish what was begun and end."""
        self.ready = False
        await self.examiner.stop()

    async def look(self, request: Request, options: Options) -> list[Result]:
        """Return what is known of each picture of a request, in its order.

        Raises:
            ProblemError: the server is full, or the request cannot be used.
        """
        self.examiner.detector(options.policy)
        with self._admission(), self.held.lease() as lease:
            files = await receive_files(request, self.settings.limits, lease)
            if owe := request.scope.get("fauxto.owe"):
                owe(len(files) - 1)
            with self._room_for(len(files)):
                found = await self._examine_all(files, options)
        for one in found:
            self.telemetry.verdicts.labels(one.prediction.verdict or "error").inc()
        return found

    async def _examine_all(self, files: list[UploadedFile], options: Options) -> list[Result]:
        patience = self.settings.limits.answer_timeout_s
        try:
            async with asyncio.timeout(patience):
                return await asyncio.gather(
                    *(self.examiner.examine(file, options) for file in files)
                )
        except TimeoutError as error:
            raise ProblemError("busy", f"no answer within {patience:g} s: try again") from error

    @contextmanager
    def _admission(self) -> Iterator[None]:
        if not self.ready:
            raise ProblemError("not_ready", "try again soon")
        if self._requests >= self.settings.limits.max_requests:
            raise ProblemError("busy", "too many requests are being answered: try again soon")
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    @contextmanager
    def _room_for(self, pictures: int) -> Iterator[None]:
        if self._pictures + pictures > self.settings.limits.max_pictures:
            raise ProblemError("busy", "too many pictures are waiting: try again soon")
        self._pictures += pictures
        try:
            yield
        finally:
            self._pictures -= pictures
