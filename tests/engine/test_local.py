import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fauxto.engine.local import WorkerStartError, map_rows


@pytest.fixture
def work(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import work_for_workers

    return work_for_workers


@pytest.fixture(autouse=True)
def no_process_is_left():
    before = set(multiprocessing.active_children())  # other tests' services
    yield
    assert set(multiprocessing.active_children()) <= before


def run(function, rows, *, workers=2, timeout_s=20.0, memory=None, progress=lambda done: None):
    return list(
        map_rows(
            function,
            rows,
            workers=workers,
            timeout_s=timeout_s,
            memory_limit_bytes=memory,
            on_lost=lambda row, reason: (row, reason),
            progress=progress,
        )
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_rows(work, workers):
    assert run(work.square, range(200), workers=workers) == [row * row for row in range(200)]
    assert run(work.slow_first, range(50), workers=workers) == list(range(50))


@pytest.mark.parametrize("named", [True, False])
def test_the_main_script_has_its_name_again_afterwards(work, monkeypatch, named):
    main = sys.modules["__main__"]
    if named:
        monkeypatch.setattr(main, "__file__", "script.py", raising=False)
    else:  # as in a notebook
        monkeypatch.delattr(main, "__file__", raising=False)
    assert run(work.square, range(3)) == [0, 1, 4]
    assert getattr(main, "__file__", "absent") == ("script.py" if named else "absent")


def test_no_rows_start_no_worker(work):
    assert run(work.square, []) == []


def test_progress_ends_at_all_rows_and_never_falls(work):
    told = []
    run(work.square, range(60), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 60


def test_work_is_spread(work):
    assert len(set(run(work.process_id, range(30), workers=2))) == 2
    assert os.getpid() not in run(work.process_id, range(3), workers=1)


def test_a_row_that_hangs_is_lost_alone(work):
    results = run(work.hang_on_threes, range(20), timeout_s=0.5)
    lost = (3, "it took longer than 0.5 s"), (13, "it took longer than 0.5 s")
    assert results == [*range(3), lost[0], *range(4, 13), lost[1], *range(14, 20)]


def test_a_worker_that_ignores_signals_is_killed(work):
    results = run(work.hang_deaf, range(3), workers=1, timeout_s=0.3)
    assert results == [0, (1, "it took longer than 0.3 s"), 2]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_row_that_kills_its_worker_is_lost_alone(work, workers):
    results = run(work.die_on_threes, range(40), workers=workers)
    lost = [result for result in results if isinstance(result, tuple)]
    assert [row for row, _ in lost] == [3, 13, 23, 33]
    assert {reason for _, reason in lost} == {"its worker process died (SIGKILL)"}
    assert [r for r in results if not isinstance(r, tuple)] == [r for r in range(40) if r % 10 != 3]


def test_a_worker_that_exits_says_with_which_code(work):
    assert run(work.exit_on_two, range(4))[2] == (2, "its worker process died (exit code 5)")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces the limit")
def test_memory_beyond_the_limit_loses_the_row(work):
    results = run(work.use_memory, [10, 3 << 30, 20], workers=1, memory=1 << 30)
    assert results == [10, (3 << 30, "it needs more memory than a worker may use"), 20]


def test_what_the_function_raises_is_raised_with_its_row(work):
    with pytest.raises(ValueError, match="two is bad") as caught:
        run(work.raise_on_two, range(5))
    assert caught.value.__notes__ == ["in a worker process, on row 2"]
    with pytest.raises(RuntimeError, match="AwkwardError: 0"):
        run(work.raise_awkwardly, [0])


def test_a_function_that_workers_cannot_import_is_an_error(work, monkeypatch):
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(Path(__file__).parent)])
    with pytest.raises(WorkerStartError, match="work_for_workers"):
        run(work.square, range(3))


def test_warnings_in_workers_stay_quiet(work, capfd):
    assert run(work.warn, range(3)) == [0, 1, 2]
    assert capfd.readouterr().err == ""


def test_stopping_early_leaves_no_process(work):
    before = len(multiprocessing.active_children())
    results = map_rows(
        work.square,
        range(1000),
        workers=2,
        timeout_s=10,
        memory_limit_bytes=None,
        on_lost=lambda row, reason: row,
        progress=lambda done: None,
    )
    assert next(results) == 0
    assert len(multiprocessing.active_children()) == before + 2
    results.close()


def test_results_waiting_for_a_slow_consumer_are_bounded_and_not_timed_out(work):
    results = map_rows(
        work.square,
        range(1000),
        workers=2,
        timeout_s=0.3,
        memory_limit_bytes=None,
        on_lost=lambda row, reason: reason,
        progress=lambda done: None,
    )
    first = next(results)
    time.sleep(0.8)
    assert [first, *results] == [row * row for row in range(1000)]


def wait_until_group_is_gone(group):
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("worker processes are still running")


@pytest.mark.parametrize("asks_on", [True, False], ids=["in the work", "between two rows"])
def test_ctrl_c_ends_all_processes(work, tmp_path, asks_on):
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import sys
import time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from work_for_workers import hang_on_threes
from fauxto.engine.local import map_rows

if __name__ == "__main__":
    rows = map_rows(hang_on_threes, range(9), workers=2, timeout_s=600, memory_limit_bytes=None,
                    on_lost=lambda row, reason: reason, progress=lambda done: None)
    print(next(rows), flush=True)
    {"list(rows)" if asks_on else "time.sleep(60)"}
"""
    )
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, text=True,
    )  # fmt: skip
    # The group is signalled, as a terminal does; a thread kills it if Ctrl-C should not work.
    watchdog = threading.Timer(30, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    assert process.stdout.readline() == "0\n"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    watchdog.cancel()
    assert process.returncode in (-signal.SIGINT, 130)
    assert errors.count("Traceback") == 1
    wait_until_group_is_gone(process.pid)
