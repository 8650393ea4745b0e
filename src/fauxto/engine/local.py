"""A function over many rows, in worker processes that may hang or die without loss of a row."""

import pickle
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import wait
from typing import Final, Generic, Self, TypeVar

from fauxto.engine.worker import STOP_TIMEOUT_S, Worker, WorkerStartError, describe_end

T = TypeVar("T")
R = TypeVar("R")

_MAX_CHUNK: Final = 16
_WINDOW_CHUNKS: Final = 4
"""Chunks per worker that may lie finished beyond the next row to be yielded; bounds memory."""


def map_rows(
    function: Callable[[T], R],
    rows: Sequence[T],
    *,
    workers: int,
    timeout_s: float,
    memory_limit_bytes: int | None,
    on_lost: Callable[[T, str], R],
    progress: Callable[[int], None],
) -> Generator[R, None, None]:
    """Yield ``function(row)`` for each row, in the order of the rows.

    A worker that works longer than ``timeout_s`` on one row, dies, or runs out of memory loses
    that row only: it becomes ``on_lost(row, reason)`` and the rest goes on, in a new worker.

    Args:
        function: importable by name (or a ``functools.partial`` of such), run in the workers.
        rows: what can be pickled.
        workers: number of processes, at least 1; no more are started than there are rows.
        timeout_s: seconds for one row.
        memory_limit_bytes: of data per worker, None without limit; only Linux enforces it.
        on_lost: called here, with the row and the reason in words.
        progress: called here with the number of rows finished so far.

    Raises:
        WorkerStartError: the workers cannot load the function.
        Exception: what the function raised, other than ``MemoryError``; the remaining rows are
            given up.
    """
    if not rows:
        return
    size = max(1, min(workers, len(rows)))
    with RowPool(
        function,
        workers=size,
        timeout_s=timeout_s,
        memory_limit_bytes=memory_limit_bytes,
        on_lost=on_lost,
    ) as pool:
        yield from pool.map(rows, progress=progress)


class RowPool(Generic[T, R]):
    """The workers of ``map_rows``, kept for one sequence of rows after another.

    What a worker loads for its first row is there for all later ones.
    """

    def __init__(
        self,
        function: Callable[[T], R],
        *,
        workers: int,
        timeout_s: float,
        memory_limit_bytes: int | None,
        on_lost: Callable[[T, str], R],
    ) -> None:
        """Start nothing yet; ``with`` starts and ends the workers. Arguments as ``map_rows``."""
        self.timeout_s = timeout_s
        self.memory_limit_bytes = memory_limit_bytes
        self.on_lost = on_lost
        self.payload = pickle.dumps(function)
        self.size = workers
        self.workers: list[Worker] = []
        self._begin(())

    def __enter__(self) -> Self:
        for _ in range(self.size):
            self.workers.append(Worker(self.payload, self.memory_limit_bytes))
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.stop()
        self.workers.clear()

    def map(
        self, rows: Sequence[T], *, progress: Callable[[int], None]
    ) -> Generator[R, None, None]:
        """Yield the function of each row, in their order; see ``map_rows``.

        The sequence must be used up before the next one is begun.
        """
        self._begin(rows)
        for index in range(len(rows)):
            while index not in self.results:
                self._step(index)
                progress(self.finished)
            yield self.results.pop(index)

    def _begin(self, rows: Sequence[T]) -> None:
        self.rows = rows
        self.chunk = max(1, min(_MAX_CHUNK, len(rows) // (self.size * 8)))
        self.results: dict[int, R] = {}
        self.finished = 0
        self.next_index = 0
        self.returned: deque[int] = deque()
        """Rows that were given to a worker which ended before it reached them."""

    def _step(self, wanted: int) -> None:
        """Give out work, then wait for the next message, death or deadline."""
        self._give_out(wanted)
        soon = time.monotonic() + STOP_TIMEOUT_S
        nearest = min((worker.deadline for worker in self._busy()), default=soon)
        pipes = {worker.pipe: worker for worker in self.workers}
        for pipe in wait(list(pipes), timeout=max(0.0, nearest - time.monotonic())):
            self._receive(pipes[pipe])  # type: ignore[index] # wait() returns what it was given
        now = time.monotonic()
        for worker in [worker for worker in self._busy() if worker.deadline <= now]:
            if not worker.pipe.poll():
                self._lose(worker, f"it took longer than {self.timeout_s:g} s")

    def _busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.indices or not worker.ready]

    def _give_out(self, wanted: int) -> None:
        end = min(len(self.rows), wanted + self.size * self.chunk * _WINDOW_CHUNKS)
        for worker in self.workers:
            if worker.indices or not worker.ready:
                continue
            indices = [self.returned.popleft() for _ in range(min(self.chunk, len(self.returned)))]
            if not indices:
                stop = min(end, self.next_index + self.chunk)
                indices = list(range(self.next_index, stop))
                self.next_index = max(self.next_index, stop)
            if indices:
                try:
                    worker.give(indices, self.rows, self.timeout_s)
                except OSError:  # it died while idle; _receive sees the end of its pipe
                    self.returned.extend(worker.indices)
                    worker.indices.clear()

    def _receive(self, worker: Worker) -> None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(STOP_TIMEOUT_S)
            self._lose(worker, f"its worker process died ({describe_end(worker)})")
            return
        match message:
            case ("ready",):
                worker.ready = True
            case ("failed to start", reason):
                raise WorkerStartError(f"a worker process cannot load its work: {reason}")
            case ("done", index, result):
                self._finish(worker, index, result)
            case ("out of memory", index):
                reason = "it needs more memory than a worker may use"
                self._finish(worker, index, self.on_lost(self.rows[index], reason))
            case ("raised", error):
                raise error

    def _finish(self, worker: Worker, index: int, result: R) -> None:
        worker.indices.remove(index)
        worker.deadline = time.monotonic() + self.timeout_s
        self.results[index] = result
        self.finished += 1

    def _lose(self, worker: Worker, reason: str) -> None:
        """Replace a worker; the row it was at is lost, the rows behind it are given out again."""
        worker.stop()
        self.workers.remove(worker)
        if not worker.ready:
            raise WorkerStartError(f"a worker process did not start: {reason}")
        if worker.indices:
            index = worker.indices.popleft()
            self.results[index] = self.on_lost(self.rows[index], reason)
            self.finished += 1
            self.returned.extend(worker.indices)
        self.workers.append(Worker(self.payload, self.memory_limit_bytes))
