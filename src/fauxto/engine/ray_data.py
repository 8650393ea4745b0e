"""Parts done by Ray Data: the only module that knows Ray.

Each actor keeps one process with its model warm, and does a part by the very function that does it
without Ray. Ray carries part numbers and sums, never pictures or rows, so its object store and the
driver stay small whatever the number of images.
"""

import logging
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

# Before Ray is imported: it would report that it is used, and remember it.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
import numpy as np
import ray
import ray.data
from ray.exceptions import RayError

from fauxto.core.errors import ArtifactError
from fauxto.engine.part import Engine, PartDone, PartRunner, PartWork
from fauxto.engine.plan import Sums

OBJECT_STORE_BYTES: Final = 200 << 20
"""Of a cluster that is started here."""
_BLOCKS_PER_WORKER: Final = 64
_FIRST_WAIT_S: Final = 1.0
"""Pause of a worker that could not write a part, before its next; it doubles at each."""
_LONGEST_WAIT_S: Final = 60.0


class _Actor:
    """One warm process and the parts that it does."""

    def __init__(self, work: PartWork) -> None:
        logging.getLogger("fauxto").setLevel(logging.WARNING)
        self.runner = PartRunner(work, workers=1)
        self.runner.__enter__()
        self.wait_s = 0.0

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        # A worker that cannot write fails quickly: without a wait it would take part after part
        # from those that can.
        time.sleep(self.wait_s)
        done = [self.runner.run(int(number)) for number in batch["number"]]
        failed = any(one.failure for one in done)
        self.wait_s = min(_LONGEST_WAIT_S, self.wait_s * 2 or _FIRST_WAIT_S) if failed else 0.0
        return {
            "number": [one.number for one in done],
            "rows": [one.sums.rows for one in done],
            "ok": [one.sums.ok for one in done],
            "errors": [one.sums.errors for one in done],
            "failure": [one.failure or "" for one in done],
        }


def run_on_ray(
    work: PartWork, numbers: Sequence[int], engine: Engine
) -> Generator[PartDone, None, None]:
    """Do parts on a cluster and tell of each; a lost worker's parts are done by another.

    Raises:
        ArtifactError: the cluster cannot be reached, or ended while it worked.
    """
    with _cluster(engine):
        actors = max(1, min(engine.workers, len(numbers)))
        blocks = min(len(numbers), actors * _BLOCKS_PER_WORKER)
        rows = ray.data.from_items(
            [{"number": number} for number in numbers], override_num_blocks=blocks
        )

        class Actor(_Actor):
            """Carries its work by value: an argument would lie on a machine that may be lost."""

            def __init__(self) -> None:
                super().__init__(work)

        done = rows.map_batches(
            Actor,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
        )
        for row in _rows(done):
            sums = Sums(int(row["rows"]), int(row["ok"]), int(row["errors"]))
            yield PartDone(int(row["number"]), sums, row["failure"] or None)


def spread_on_ray(
    function: Callable[[int], int], count: int, engine: Engine
) -> Generator[int, None, None]:
    """Yield ``function(number)`` for each number from 0 to ``count``, as they come.

    Raises:
        ArtifactError: the cluster cannot be reached, or ended while it worked.
    """
    with _cluster(engine):
        workers = max(1, min(engine.workers, count))
        blocks = min(count, workers * _BLOCKS_PER_WORKER)

        def call(batch: dict[str, np.ndarray]) -> dict[str, list[int]]:
            return {"id": [function(int(number)) for number in batch["id"]]}

        done = ray.data.range(count, override_num_blocks=blocks).map_batches(
            call, batch_size=1, compute=ray.data.TaskPoolStrategy(size=workers), num_cpus=1
        )
        for row in _rows(done):
            yield int(row["id"])


def _rows(done: "ray.data.Dataset") -> Iterator[dict[str, Any]]:
    try:
        yield from done.iter_rows()
    except RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ArtifactError(
            f"the Ray cluster gave up ({reason}): what was done stays; the same command does the "
            "rest"
        ) from error


@contextmanager
def _cluster(engine: Engine) -> Iterator[None]:
    """Use the cluster that this process is connected to, the one asked for, or a new one here."""
    _quiet()
    if ray.is_initialized():
        yield
        return
    here: dict[str, Any] = {
        "num_cpus": engine.workers,
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
        # Ray's own 15 would let any other program on this machine take all of it.
        "_system_config": {"worker_niceness": 0},
    }
    try:
        ray.init(
            address=engine.address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **({} if engine.address else here),
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = engine.address or "on this machine"
        raise ArtifactError(f"no Ray cluster {where}: {str(error).splitlines()[0]}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _quiet() -> None:
    """Let nothing but errors through: progress is the command line's matter."""
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
