"""Times calls and reads this process's peak memory; runs inside the measuring processes."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float, Float32

from fauxto.core.records import Record
from fauxto.core.speed import Runtime, Timing

WARM_UP_CALLS: Final = 2
MIN_CALLS: Final = 5
_STATUS: Final = Path("/proc/self/status")

Network = Callable[[Float32[np.ndarray, "n 3 h w"]], object]


class Task(Record):
    """What a measuring process is told, as JSON on its command line."""

    model: Path
    """Run folder, or ONNX file."""
    device: str = "cpu"
    seconds: float
    """Time for each of latency and throughput; at least ``MIN_CALLS`` calls are made."""
    batch_size: int
    """Images of a call when throughput is measured."""
    threads: int
    """CPU threads of one call."""


def time_calls(
    call: Callable[[], object], *, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Float[np.ndarray, " calls"]:
    """Return how long single calls take, in seconds, after a few that are not counted.

    Args:
        call: what to time.
        seconds: calls are made until this much time has passed, and at least ``MIN_CALLS``.
        clock: source of time.
    """
    for _ in range(WARM_UP_CALLS):
        call()
    taken: list[float] = []
    while len(taken) < MIN_CALLS or sum(taken) < seconds:
        start = clock()
        call()
        taken.append(clock() - start)
    return np.array(taken)


def peak_memory_bytes() -> int | None:
    """Return the most memory that this process has held so far; None where it is not known.

    Linux's ``VmHWM`` and not ``ru_maxrss``: the latter of a child process starts at its parent's.
    """
    if not _STATUS.is_file():
        return None
    fields = dict(line.split(":", 1) for line in _STATUS.read_text("ascii").splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024


def measure_network(
    network: Network,
    *,
    size_px: int,
    task: Task,
    runtime: Runtime,
    device: str = "cpu",
    gpu_memory: Callable[[], int] | None = None,
) -> Timing:
    """Time a network on random inputs: single images first, then batches.

    Args:
        network: takes inputs of shape (n, 3, size_px, size_px) and returns when it is done.
        size_px: side of the square input in pixels.
        task: how long, with how many images and threads.
        runtime: what computes it.
        device: where.
        gpu_memory: returns the peak memory on the GPU in bytes; None on the CPU.
    """
    shape = (task.batch_size, 3, size_px, size_px)
    batch = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    single = time_calls(lambda: network(batch[:1]), seconds=task.seconds)
    memory = peak_memory_bytes()
    batched = time_calls(lambda: network(batch), seconds=task.seconds)
    low, middle, high = np.percentile(single * 1000, (10, 50, 90)).tolist()
    return Timing(
        runtime=runtime,
        device=device,
        threads=task.threads,
        latency_ms=middle,
        latency_range_ms=(low, high),
        batch_size=task.batch_size,
        images_per_s=task.batch_size / float(np.median(batched)),
        memory_bytes=memory,
        memory_batch_bytes=peak_memory_bytes(),
        gpu_memory_bytes=gpu_memory() if gpu_memory else None,
    )


def name_processor() -> str:
    """Return the processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return sys.platform
