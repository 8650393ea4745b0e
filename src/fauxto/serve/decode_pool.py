"""Processes that decode: bounded in memory and time, and replaced when they hang or die."""

import logging
import pickle
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from fauxto.engine.worker import STOP_TIMEOUT_S, Worker, WorkerStartError, describe_end
from fauxto.serve.problems import ProblemError

logger = logging.getLogger(__name__)

_END_TIMEOUT_S: Final = 0.2
"""Within which a process whose pipe broke has ended, so that its exit code is known."""

T = TypeVar("T")
R = TypeVar("R")

_STOPPED_FROM_OUTSIDE: Final = ("SIGKILL", "SIGTERM", "SIGINT")
"""Ends that say nothing of the picture: someone, or the system short of memory, did it."""


class DecodePool(Generic[T, R]):
    """A few worker processes, each fed by a thread of its own.

    Attributes:
        replaced: workers that were started because one hung or died.
    """

    def __init__(
        self,
        function: Callable[[T], R],
        *,
        workers: int,
        timeout_s: float,
        memory_limit_bytes: int,
    ) -> None:
        """Prepare the pool; ``start`` starts it.

        Args:
            function: importable by name (or a ``functools.partial`` of such); does one job.
            workers: processes, at least 1.
            timeout_s: seconds for one job.
            memory_limit_bytes: of data in each process.
        """
        self.replaced = 0
        self._payload = pickle.dumps(function)
        self._timeout_s = timeout_s
        self._memory_limit_bytes = memory_limit_bytes
        self._jobs: queue.SimpleQueue[tuple[T, Future[R]] | None] = queue.SimpleQueue()
        self._workers: list[Worker | None] = [None] * workers
        self._threads = [
            threading.Thread(target=self._serve, args=(slot,), name=f"fauxto-decode-{slot}")
            for slot in range(workers)
        ]

    @property
    def worker_pids(self) -> list[int]:
        """Process numbers of the workers that run."""
        workers = [worker for worker in self._workers if worker is not None]
        return [worker.process.pid for worker in workers if worker.process.pid is not None]

    def start(self) -> None:
        """Start the workers and wait until they can work.

        Raises:
            WorkerStartError: the workers cannot load the function.
        """
        for slot in range(len(self._workers)):
            self._workers[slot] = Worker(self._payload, self._memory_limit_bytes)
        for worker in self._workers:
            if worker is not None:
                _await_ready(worker)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the jobs that were given, then end the processes."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        for worker in self._workers:
            if worker is not None:
                worker.stop()

    def submit(self, job: T) -> "Future[R]":
        """Return the future result of a job; cancelling it before its turn takes it out.

        The future raises ``ProblemError`` if the job was lost: too slow, too much memory, or its
        worker died.
        """
        future: Future[R] = Future()
        self._jobs.put((job, future))
        return future

    def _serve(self, slot: int) -> None:
        while (item := self._jobs.get()) is not None:
            job, future = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._work(slot, job))
            except Exception as error:  # noqa: BLE001 - it belongs to who waits for the future
                future.set_exception(error)
            del item, job, future  # an upload must not stay until the next one comes
            self._refill(slot)

    def _work(self, slot: int, job: T) -> R:
        worker = self._workers[slot]
        if worker is None or not worker.process.is_alive():
            worker = self._renew(slot)
        try:
            worker.give([0], [job], self._timeout_s)
        except OSError:  # it died a moment ago: the job was not begun
            worker = self._renew(slot)
            worker.give([0], [job], self._timeout_s)
        worker.indices.clear()
        if not worker.pipe.poll(max(0.0, worker.deadline - time.monotonic())):
            self._discard(slot)
            raise ProblemError("too_much_time", f"decoding took longer than {self._timeout_s:g} s")
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError) as error:
            end = self._discard(slot)
            if end in _STOPPED_FROM_OUTSIDE:
                raise ProblemError("worker_lost", "send the picture again") from error
            raise ProblemError("decoder_crashed", f"the decoder ended with {end}") from error
        match message:
            case ("done", _, result):
                return result
            case ("out of memory", _):
                raise ProblemError("too_much_memory", "decoding needs more memory than is allowed")
            case ("raised", error):
                self._discard(slot)
                raise error
        raise RuntimeError(f"a worker sent {message[0]!r}")

    def _refill(self, slot: int) -> None:
        """Start a worker where one was lost, before the next job comes."""
        if self._workers[slot] is None:
            try:
                self._renew(slot)
            except WorkerStartError:
                logger.exception("no decoding process could be started; the next job tries again")

    def _discard(self, slot: int) -> str:
        """End a worker and return how it ended."""
        worker = self._workers[slot]
        self._workers[slot] = None
        if worker is None:
            return "nothing"
        worker.process.join(_END_TIMEOUT_S)
        end = describe_end(worker)
        worker.stop()
        return end

    def _renew(self, slot: int) -> Worker:
        self._discard(slot)
        logger.warning("a decoding process is replaced")
        self.replaced += 1
        worker = Worker(self._payload, self._memory_limit_bytes)
        _await_ready(worker)
        self._workers[slot] = worker
        return worker


def _await_ready(worker: Worker) -> None:
    try:
        if worker.pipe.poll(worker.deadline - time.monotonic()):
            message = worker.pipe.recv()
            if message == ("ready",):
                worker.ready = True
                return
            raise WorkerStartError(f"a decoding process cannot start: {message[-1]}")
    except EOFError as error:
        worker.process.join(STOP_TIMEOUT_S)
        raise WorkerStartError(f"a decoding process ended: {describe_end(worker)}") from error
    worker.stop()
    raise WorkerStartError("a decoding process did not start in time")
