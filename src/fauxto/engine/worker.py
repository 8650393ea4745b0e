"""A worker process that may hang or die: how it starts, what it answers, how it ends.

Workers are spawned, not forked: forking a process with threads (polars, BLAS) can deadlock.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any, Final

if sys.platform == "linux":
    import resource

START_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 1.0
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerStartError(RuntimeError):
    """A worker process could not start: the function or its module cannot be loaded there."""


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while a process starts; here it arrives when the block ends.

    The process inherits the mask, so that it is never interrupted half-way through its imports.
    """
    if sys.platform == "win32":
        yield
        return
    # Started by the first process, it would leave the signal unblocked.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_MAIN_LOCK: Final = threading.Lock()
_MAIN_NAMES: Final[tuple[str, ...]] = ("__spec__", "__file__")


@contextmanager
def _main_unnamed() -> Iterator[None]:
    """Keep a new process from running this one's main script again: a worker needs none of it.

    The script may be anything: a user's own without a guard, or that of a cluster's worker, which
    takes seconds to load.
    """
    names: dict[str, Any] = vars(sys.modules["__main__"])
    with _MAIN_LOCK:  # two threads at once would take each other's changes for what was before
        known = {name: names[name] for name in _MAIN_NAMES if name in names}
        try:
            names.update(dict.fromkeys(_MAIN_NAMES))
            yield
        finally:
            names.pop("__file__")
            names.update(known)


class Worker:
    """A process, the pipe to it, and the rows it was given.

    Messages that come back: ``("ready",)`` once; for each row ``("done", index, result)``,
    ``("out of memory", index)`` or ``("raised", error)``, after which the process ends;
    ``("failed to start", reason)``.
    """

    def __init__(self, payload: bytes, memory_limit_bytes: int | None) -> None:
        """Start the process.

        Args:
            payload: the function for one row, pickled.
            memory_limit_bytes: of data, None without limit; only Linux enforces it.
        """
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_work, args=(theirs, payload, memory_limit_bytes), daemon=True
        )
        with _interrupts_held(), _main_unnamed():
            self.process.start()
            # At exit multiprocessing asks daemons to end by SIGTERM, which workers ignore, and
            # waits for them; this comes before, and also where nobody holds the worker any more.
            Finalize(self, self.process.kill, exitpriority=0)
        theirs.close()
        self.ready = False
        self.indices: deque[int] = deque()
        self.deadline = time.monotonic() + START_TIMEOUT_S

    def give(self, indices: Sequence[int], rows: Sequence[Any], timeout_s: float) -> None:
        """Hand rows over; raises ``OSError`` if the process has ended."""
        self.indices.extend(indices)
        self.deadline = time.monotonic() + timeout_s
        self.pipe.send([(index, rows[index]) for index in indices])

    def stop(self) -> None:
        """End the process at once and reap it."""
        self.pipe.close()
        self.process.kill()
        self.process.join(STOP_TIMEOUT_S)


def describe_end(worker: Worker) -> str:
    """Return how an ended process ended: the signal's name or the exit code."""
    code = worker.process.exitcode
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _work(pipe: Connection, payload: bytes, memory_limit_bytes: int | None) -> None:
    """Serve rows until the other end closes; the body of a worker process."""
    # The parent ends its workers itself; Ctrl-C in a terminal and a service manager's stop reach
    # the whole group, while the parent may still want the rows that it gave out.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    if memory_limit_bytes is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory_limit_bytes, memory_limit_bytes))
    try:
        function = pickle.loads(payload)
    except Exception as error:  # noqa: BLE001 - whatever importing raises is told to the parent
        pipe.send(("failed to start", f"{type(error).__name__}: {error}"))
        return
    try:
        pipe.send(("ready",))
        while True:
            for index, row in pipe.recv():
                if not _answer(pipe, function, index, row):
                    return
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone or needs no more


def _answer(pipe: Connection, function: Callable[[Any], Any], index: int, row: object) -> bool:
    """Send the answer to one row; return whether the worker may go on."""
    try:
        result = function(row)
    except MemoryError:
        pipe.send(("out of memory", index))
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        pipe.send(("raised", _make_portable(error, row)))
        return False
    else:
        pipe.send(("done", index, result))
    return True


def _make_portable(error: Exception, row: object) -> Exception:
    """Return the error with a note, or one that says the same if it cannot be pickled."""
    note = f"in a worker process, on row {row!r}"
    try:
        error.add_note(note)
        return pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - pickling runs the error's own code
        return RuntimeError(f"{type(error).__name__}: {error} ({note})")
