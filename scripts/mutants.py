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
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from cosmic_ray import mutating
from cosmic_ray.commands.init import init
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkItem, WorkResult

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
SLOW_TEST: Final = 0.03
"""Share of the time of all tests; a test that takes more, and over ``SLOW_S``, is left out."""
SLOW_FILE: Final = 0.1
"""The same for a file that does not name the mutant's module. What is left out flatters nothing."""
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
        return report(test_all(choose(room, sample, seed), time_tests(room)))


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


def choose(room: str, sample: int, seed: int) -> list[WorkItem]:
    """Return a random sample of a room's mutants."""
    with use_db(Path("session.sqlite")) as work:
        init(sorted(Path("src/fauxto", room).rglob("*.py")), work, {})
        items = sorted(work.work_items, key=lambda item: str(item.mutations[0]))
    useful = [item for item in items if not SILENT.search(item.mutations[0].operator_name)]
    kept = random.Random(seed).sample(useful, min(sample, len(useful)))
    print(f"{len(kept)} of {len(useful)} mutants", flush=True)
    return kept


@dataclass(frozen=True)
class Tests:
    """A room's tests, and how long they take.

    Attributes:
        seconds: of each file.
        left_out: options of pytest that leave slow tests out.
    """

    seconds: dict[Path, float]
    left_out: list[str]

    def of(self, module: Path) -> list[Path]:
        """Return the files to run: first those that name a module, then the quick ones."""
        name = re.compile(rf"\b{module.parent.name}(\.| import ){module.stem}\b")
        named = {file for file in self.seconds if name.search(file.read_text("utf-8"))}
        quick = SLOW_FILE * sum(self.seconds.values())
        kept = [file for file, seconds in self.seconds.items() if file in named or seconds < quick]
        return sorted(kept, key=lambda file: (file not in named, self.seconds[file]))


def test_all(mutants: list[WorkItem], tests: Tests) -> list[WorkResult]:
    """Run the room's tests on each mutant, and print what survives."""
    results = []
    for number, mutant in enumerate(mutants, 1):
        module = mutant.mutations[0].module_path
        mutating.run_tests = partial(judge, module, tests.of(module), tests.left_out)
        result = mutating.mutate_and_test(mutant.mutations, "", 0)
        results.append(result)
        if result.test_outcome is TestOutcome.SURVIVED:
            print(f"survivor, mutant {number} of {len(mutants)}:\n{result.diff}\n", flush=True)
    return results


def judge(
    module: Path, tests: list[Path], options: list[str], _command: str, _limit: float
) -> tuple[TestOutcome, str]:
    """Run tests on the mutated module; what is no Python is no mutant and counts for nothing."""
    try:
        compile(module.read_bytes(), module, "exec")
    except SyntaxError as error:
        return TestOutcome.INCOMPETENT, str(error)
    return run_tests(tests, *options)


def time_tests(room: str) -> Tests:
    """Run all tests of a room without a mutant.

    Raises:
        RuntimeError: a test fails.
    """
    seconds, calls = {}, {}
    for file in sorted(Path("tests", room).glob("test_*.py")):
        start = time.perf_counter()
        outcome, output = run_tests([file], "--durations=0")
        if outcome is not TestOutcome.SURVIVED:
            raise RuntimeError(f"{file} fails without a mutant:\n{output}")
        seconds[file] = time.perf_counter() - start
        calls |= {test: float(call) for call, test in CALL.findall(output)}
    slow = SLOW_TEST * sum(calls.values())
    left_out = [f"--deselect={test}" for test, call in calls.items() if call > max(SLOW_S, slow)]
    print(f"{sum(seconds.values()):.0f} s without a mutant; {left_out}", flush=True)
    return Tests(seconds, left_out)


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


def report(results: list[WorkResult]) -> int:
    """Print the share killed; return 1 below 80 %."""
    outcomes = Counter(result.test_outcome for result in results)
    lived, killed = outcomes[TestOutcome.SURVIVED], outcomes[TestOutcome.KILLED]
    stopped = sum("stopped by signal" in (result.output or "") for result in results)
    share = killed / (killed + lived)
    print(
        f"{killed} of {killed + lived} mutants killed ({share:.1%}), {stopped} of them by a limit; "
        f"{len(results) - killed - lived} were no Python"
    )
    return int(share < 0.8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.room, options.sample, options.seed))
