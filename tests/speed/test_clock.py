import subprocess
import sys

import numpy as np
import pytest

from fauxto.core.speed import Runtime
from fauxto.speed.clock import (
    MIN_CALLS,
    WARM_UP_CALLS,
    Task,
    measure_network,
    name_processor,
    peak_memory_bytes,
    time_calls,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


class FakeTime:
    """Time that passes only in calls."""

    def __init__(self, step_s):
        self.now_s, self.step_s, self.calls = 0.0, step_s, 0

    def call(self):
        self.calls += 1
        self.now_s += self.step_s

    def clock(self):
        return self.now_s


def test_calls_are_made_until_the_time_has_passed():
    fake = FakeTime(0.1)
    taken = time_calls(fake.call, seconds=1.95, clock=fake.clock)
    assert taken == pytest.approx([0.1] * 20)
    assert fake.calls == 20 + WARM_UP_CALLS


def test_a_slow_call_is_still_made_a_few_times():
    fake = FakeTime(9.0)
    assert len(time_calls(fake.call, seconds=1.0, clock=fake.clock)) == MIN_CALLS


def test_single_images_give_latency_and_batches_throughput():
    sizes = []
    task = Task(model="x", seconds=0.0, batch_size=4, threads=1)
    timing = measure_network(
        lambda inputs: sizes.append(inputs.shape), size_px=8, task=task, runtime=Runtime.TORCH
    )
    calls = WARM_UP_CALLS + MIN_CALLS
    assert sizes == [(1, 3, 8, 8)] * calls + [(4, 3, 8, 8)] * calls
    low, high = timing.latency_range_ms
    assert 0 < low <= timing.latency_ms <= high
    assert timing.images_per_s > 0
    assert timing.gpu_memory_bytes is None


@LINUX
def test_peak_memory_holds_what_was_freed_again():
    before = peak_memory_bytes()
    np.ones(40_000_000, np.uint8).sum()
    assert peak_memory_bytes() >= before
    code = (
        "from fauxto.speed.clock import peak_memory_bytes as peak; import numpy as np;"
        "a = peak(); np.ones(80_000_000, np.uint8); print(peak() - a)"
    )
    added = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(added.stdout) == pytest.approx(80_000_000, rel=0.1)


@LINUX
def test_peak_memory_of_a_child_does_not_start_at_its_parents():
    code = (
        "import numpy as np, subprocess, sys; a = np.ones(300_000_000, np.uint8);"
        "inner = 'from fauxto.speed.clock import peak_memory_bytes as peak; print(peak())';"
        "subprocess.run([sys.executable, '-c', inner], check=True)"
    )
    peak = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(peak.stdout) < 200_000_000


def test_the_processor_has_a_name():
    assert name_processor().strip()
