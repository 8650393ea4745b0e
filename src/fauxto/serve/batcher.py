"""Pictures of several clients through the network together."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from fauxto.models.scorer import Scorer


@runtime_checkable
class Mapper(Protocol):
    """A scorer that can also say what each place adds to the logit of fake."""

    has_cam: bool

    def cam(self, inputs: Float32[np.ndarray, "n 3 h w"]) -> Float32[np.ndarray, "n rows columns"]:
        """Return class-activation maps, if ``has_cam``."""
        ...


@dataclass(frozen=True)
class Seen:
    """What the network says of one picture.

    Attributes:
        logits: in the order real, fake.
        cam: what each place adds to the logit of fake; None if the model gives no such map.
    """

    logits: Float32[np.ndarray, " 2"]
    cam: Float32[np.ndarray, "h w"] | None


@dataclass(frozen=True)
class _Asked:
    inputs: np.ndarray
    cam: bool
    future: "asyncio.Future[Seen]"


class Batcher:
    """Collects inputs while the network works on others; never waits for more on purpose.

    A lone picture is looked at at once; under load each pass takes all that came meanwhile, up to
    ``batch_size``.

    Attributes:
        passes: calls of the network so far.
    """

    def __init__(self, scorer: Scorer, *, batch_size: int) -> None:
        self.passes = 0
        self._scorer = scorer
        self._mapper = scorer if isinstance(scorer, Mapper) and scorer.has_cam else None
        self._batch_size = batch_size
        self._queue: asyncio.Queue[_Asked] = asyncio.Queue()
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

    async def look(self, inputs: Float32[np.ndarray, "3 h w"], *, cam: bool = False) -> Seen:
        """Return what the network says of one preprocessed picture.

        Args:
            inputs: the picture.
            cam: whether a class-activation map is wanted too.
        """
        future: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Asked(inputs, cam and self._mapper is not None, future))
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            taken = [await self._queue.get()]
            while len(taken) < self._batch_size and not self._queue.empty():
                taken.append(self._queue.get_nowait())
            waiting = [asked for asked in taken if not asked.future.done()]
            if not waiting:
                continue
            try:
                seen = await loop.run_in_executor(self._thread, self._look, waiting)
            except Exception as error:  # noqa: BLE001 - told to everyone who waits
                for asked in waiting:
                    if not asked.future.done():
                        asked.future.set_exception(error)
                continue
            self.passes += 1
            for asked, one in zip(waiting, seen, strict=True):
                if not asked.future.done():
                    asked.future.set_result(one)

    def _look(self, asked: list[_Asked]) -> list[Seen]:
        logits = self._scorer.logits(np.stack([one.inputs for one in asked]))
        mapped = [index for index, one in enumerate(asked) if one.cam]
        cams = {}
        if mapped and self._mapper is not None:
            maps = self._mapper.cam(np.stack([asked[index].inputs for index in mapped]))
            cams = dict(zip(mapped, maps, strict=True))
        return [Seen(row, cams.get(index)) for index, row in enumerate(logits)]
