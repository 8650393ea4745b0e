"""Pictures of several clients through the network together."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from jaxtyping import Float32

from fauxto.models.scorer import Scorer

_STOP: Final = None


class Batcher:
    """Collects inputs while the network works on others; never waits for more on purpose.

    A lone picture is looked at at once; under load each pass takes all that came meanwhile, up to
    ``batch_size``.

    Attributes:
        passes: calls of the network so far.
        seen: pictures that went through it so far.
    """

    def __init__(self, scorer: Scorer, *, batch_size: int) -> None:
        self.passes = 0
        self.seen = 0
        self._scorer = scorer
        self._batch_size = batch_size
        self._queue: asyncio.Queue[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fauxto-network")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name="fauxto-batches")

    async def stop(self) -> None:
        """End; nobody may be waiting any more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown()

    async def logits(self, inputs: Float32[np.ndarray, "3 h w"]) -> Float32[np.ndarray, " 2"]:
        """Return the two logits of one preprocessed picture."""
        future: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((inputs, future))
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            taken = [await self._queue.get()]
            while len(taken) < self._batch_size and not self._queue.empty():
                taken.append(self._queue.get_nowait())
            waiting = [(inputs, future) for inputs, future in taken if not future.done()]
            if not waiting:
                continue
            stacked = np.stack([inputs for inputs, _ in waiting])
            try:
                logits = await loop.run_in_executor(self._thread, self._scorer.logits, stacked)
            except Exception as error:  # noqa: BLE001 - told to everyone who waits
                for _, future in waiting:
                    if not future.done():
                        future.set_exception(error)
                continue
            self.passes += 1
            self.seen += len(waiting)
            for row, (_, future) in zip(logits, waiting, strict=True):
                if not future.done():
                    future.set_result(row)
