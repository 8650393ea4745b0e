import os
import signal
import time

import pytest

from fauxto.engine.worker import WorkerStartError
from fauxto.serve.decode_pool import DecodePool
from fauxto.serve.problems import ProblemError


def work(job):
    kind, value = job
    if kind == "sleep":
        time.sleep(value)
    if kind == "die":
        os.kill(os.getpid(), value)
    if kind == "allocate":
        return len(bytearray(value))
    if kind == "raise":
        raise ValueError(value)
    return value


@pytest.fixture(scope="module")
def pool():
    pool = DecodePool(work, workers=1, timeout_s=1.0, memory_limit_bytes=300_000_000)
    pool.start()
    yield pool
    pool.stop()


def code_of(future):
    with pytest.raises(ProblemError) as lost:
        future.result(60)
    return lost.value.code


def test_jobs_come_back(pool):
    futures = [pool.submit(("return", i)) for i in range(20)]
    assert [future.result(60) for future in futures] == list(range(20))


def test_a_job_that_hangs_crashes_or_swells_is_lost_alone(pool):
    replaced = pool.replaced
    futures = [
        pool.submit(job)
        for job in (
            ("return", 1),
            ("sleep", 60),
            ("return", 2),
            ("die", signal.SIGSEGV),
            ("allocate", 10**9),
            ("die", signal.SIGKILL),
            ("return", 3),
        )
    ]
    assert [futures[i].result(60) for i in (0, 2, 6)] == [1, 2, 3]
    assert [code_of(futures[i]) for i in (1, 3, 4, 5)] == [
        "too_much_time",
        "decoder_crashed",
        "too_much_memory",
        "worker_lost",
    ]
    assert pool.replaced == replaced + 3  # running out of memory leaves the worker alive


def test_a_worker_killed_while_idle_loses_nothing(pool):
    pool.submit(("return", 0)).result(60)
    (pid,) = pool.worker_pids
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    assert pool.submit(("return", 7)).result(60) == 7
    assert pool.worker_pids != [pid]


def test_a_stop_sent_to_the_worker_does_not_reach_it(pool):
    (pid,) = pool.worker_pids
    future = pool.submit(("sleep", 0.3))
    os.kill(pid, signal.SIGTERM)
    assert future.result(60) == 0.3
    assert pool.worker_pids == [pid]


def test_an_error_of_the_function_reaches_who_waits(pool):
    with pytest.raises(ValueError, match="wrong"):
        pool.submit(("raise", "wrong")).result(60)
    assert pool.submit(("return", 1)).result(60) == 1


def test_a_job_cancelled_before_its_turn_is_not_done(pool):
    first = pool.submit(("sleep", 0.3))
    second = pool.submit(("die", signal.SIGKILL))
    assert second.cancel()
    assert first.result(60) == 0.3
    replaced = pool.replaced
    assert pool.submit(("return", 1)).result(60) == 1
    assert pool.replaced == replaced


def test_stopping_finishes_what_was_given():
    pool = DecodePool(work, workers=1, timeout_s=5, memory_limit_bytes=300_000_000)
    pool.start()
    futures = [pool.submit(("sleep", 0.05)) for _ in range(5)]
    pids = pool.worker_pids
    pool.stop()
    assert all(future.done() for future in futures)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


class Unloadable:
    def __reduce__(self):
        return (__import__, ("no_such_module_anywhere",))

    def __call__(self, job):
        return job


def test_a_function_that_cannot_be_loaded_is_told_at_the_start():
    pool = DecodePool(Unloadable(), workers=1, timeout_s=1, memory_limit_bytes=300_000_000)
    with pytest.raises(WorkerStartError, match="no_such_module_anywhere"):
        pool.start()
    pool.stop()
