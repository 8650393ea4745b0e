"""Change a room's code a little, many times, and see whether its tests notice (cosmic-ray).

Usage: python scripts/mutants.py ROOM [--sample N] [--seed N]. The tree is copied first, so that
nothing here is ever changed. Printed are what survived, and the share of mutants that tests kill.
"""

import argparse
import gc
import importlib
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from cosmic_ray import mutating
from cosmic_ray.commands.init import init
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT: Final = Path(__file__).parents[1]
SILENT: Final = re.compile(r"core/ReplaceBinaryOperator_BitOr_|core/.*_BitOr$")
"""Operators that would change nothing but type annotations here."""
PRELOADED: Final = (
    "PIL.Image", "beartype", "hypothesis", "jaxtyping", "jinja2", "matplotlib.figure", "polars",
    "pydantic", "scipy.stats", "sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics",
)  # fmt: skip
"""Loaded once, not for each mutant: three quarters of a run were that."""
PLUGINS: Final = ("_hypothesis_pytestplugin", "jaxtyping._pytest_plugin")
"""Of pytest, all that a room's tests need; others take a second to load."""
SLOW_S: Final = 2.0
SLOW_SHARE: Final = 0.03
"""Of the time of all tests; one that takes more than both is left out, which flatters nothing."""
CALL: Final = re.compile(r"^([0-9.]+)s call +(.+?)\s*$", re.MULTILINE)
"""A line of pytest's durations."""
CPU_LIMIT_S: Final = 120
"""Processor time, since a busy machine must not kill a mutant; one that loops dies of it."""
WALL_LIMIT_S: Final = 1800


def main(room: str, sample: int, seed: int) -> int:
    """Run the mutants of a room; return 1 below 80 % killed."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        place = Path(name)
        for part in ("src", "tests", "scripts", "docs", "pyproject.toml", "README.md", "Makefile"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, place / part)
        enter(place)
        with use_db(Path("session.sqlite")) as work:
            init(sorted(Path("src/fauxto", room).rglob("*.py")), work, {})
            keep_sample(work, sample, seed)
            test_all(work, room)
            return report(work)


def enter(place: Path) -> None:
    """Work in the copied tree from now on, also in programs that tests start."""
    os.chdir(place)
    os.environ |= {"PYTHONPATH": str(place / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.path.insert(0, str(place / "src"))
    sys.dont_write_bytecode = True
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()  # what is loaded now is not searched for garbage again in each process


def keep_sample(work: WorkDB, sample: int, seed: int) -> None:
    """Mark all mutants but a random sample as skipped."""
    items = sorted(work.pending_work_items, key=lambda item: str(item.mutations[0]))
    useful = [item for item in items if not SILENT.search(item.mutations[0].operator_name)]
    kept = random.Random(seed).sample(useful, min(sample, len(useful)))
    kept_ids = {item.job_id for item in kept}
    for item in items:
        if item.job_id not in kept_ids:
            work.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
    print(f"{len(kept)} of {len(useful)} mutants", flush=True)


def test_all(work: WorkDB, room: str) -> None:
    """Run the room's tests on each mutant that has no result yet, and print what survives."""
    tests, slow = time_tests(sorted(Path("tests", room).glob("test_*.py")))
    items = list(work.pending_work_items)
    for number, item in enumerate(items, 1):
        module = item.mutations[0].module_path
        nearest = f"test_{module.stem}"
        order = sorted(tests, key=lambda file, nearest=nearest: file.stem != nearest)
        mutating.run_tests = partial(judge, module, order, slow)
        result = mutating.mutate_and_test(item.mutations, "", 0)
        work.set_result(item.job_id, result)
        if result.test_outcome is TestOutcome.SURVIVED:
            print(f"survivor, mutant {number} of {len(items)}:\n{result.diff}\n", flush=True)


def judge(
    module: Path, tests: list[Path], options: list[str], _command: str, _limit: float
) -> tuple[TestOutcome, str]:
    """Run tests on the mutated module; what is no Python is no mutant and counts for nothing."""
    try:
        compile(module.read_bytes(), module, "exec")
    except SyntaxError as error:
        return TestOutcome.INCOMPETENT, str(error)
    return run_tests(tests, *options)


def time_tests(files: list[Path]) -> tuple[list[Path], list[str]]:
    """Run files of tests without a mutant, and say in what order to run them and what to leave out.

    Returns:
        The quickest file first, since the first test that fails ends a mutant's run, and pytest's
        options that leave out the tests over ``SLOW_S`` and ``SLOW_SHARE``.

    Raises:
        RuntimeError: a test fails.
    """
    seconds, calls = {}, {}
    for file in files:
        start = time.perf_counter()
        outcome, output = run_tests([file], "--durations=0")
        if outcome is not TestOutcome.SURVIVED:
            raise RuntimeError(f"{file} fails without a mutant:\n{output}")
        seconds[file] = time.perf_counter() - start
        calls |= {test: float(call) for call, test in CALL.findall(output)}
    total = sum(calls.values())
    slow = [test for test, call in calls.items() if call > max(SLOW_S, SLOW_SHARE * total)]
    print(f"{total:.0f} s without a mutant, {len(slow)} slow tests left out: {slow}", flush=True)
    return sorted(files, key=seconds.__getitem__), [f"--deselect={test}" for test in slow]


def run_tests(tests: list[Path], *options: str) -> tuple[TestOutcome, str]:
    """Run tests up to the first that fails, in a process forked from this one."""
    log = Path("log.txt")
    process = multiprocessing.get_context("fork").Process(
        target=_run_pytest, args=(tests, options, log)
    )
    process.start()
    process.join(WALL_LIMIT_S)
    if process.is_alive():
        process.kill()
        process.join()
    output = log.read_text("utf-8", "replace")
    if process.exitcode is None or process.exitcode < 0:
        return TestOutcome.KILLED, f"{output}\nstopped by signal {process.exitcode}"
    return TestOutcome.KILLED if process.exitcode else TestOutcome.SURVIVED, output


def _run_pytest(tests: list[Path], options: tuple[str, ...], log: Path) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    with log.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    plugins = [f"-p{name}" for name in ("no:cacheprovider", *PLUGINS)]
    sys.exit(int(pytest.main(["-x", "-q", *plugins, *options, *map(str, tests)])))


def report(work: WorkDB) -> int:
    """Print the share killed; return 1 below 80 %."""
    done = [
        (job, result)
        for job, result in work.results
        if result.test_outcome in (TestOutcome.SURVIVED, TestOutcome.KILLED)
    ]
    lived = [result for _job, result in done if result.test_outcome is TestOutcome.SURVIVED]
    killed = 1 - len(lived) / len(done)
    stopped = sum("stopped by signal" in (result.output or "") for _job, result in done)
    print(
        f"{len(done)} mutants, {len(lived)} survived, {killed:.1%} killed "
        f"({stopped} of them by the time limit)"
    )
    return int(killed < 0.8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.room, options.sample, options.seed))
