"""Change a room's code a little, many times, and see whether its tests notice (cosmic-ray).

Usage: python scripts/mutants.py ROOM [--sample N] [--seed N]. The tree is copied first, so that
nothing here is ever changed. Printed are the share of mutants that tests kill, and what survived.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT: Final = Path(__file__).parents[1]
CONFIG: Final = """
[cosmic-ray]
module-path = "src/fauxto/{room}"
timeout = 120.0
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider tests/{room}"
[cosmic-ray.distributor]
name = "local"
"""
SILENT: Final = re.compile(r"core/ReplaceBinaryOperator_BitOr_|core/.*_BitOr$")
"""Operators that would change nothing but type annotations here."""


def main(room: str, sample: int, seed: int) -> int:
    """Run the mutants of a room and print what survived; return 1 below 80 % killed."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        place = Path(name)
        for part in ("src", "tests", "scripts", "docs", "pyproject.toml", "README.md", "Makefile"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, place / part)
        (place / "mutants.toml").write_text(CONFIG.format(room=room, python=sys.executable))
        session = place / "session.sqlite"
        run(place, "init", "mutants.toml", session.name)
        with use_db(session) as work:
            keep_sample(work, sample, seed)
        run(place, "exec", "mutants.toml", session.name)
        with use_db(session) as work:
            return report(work)


def run(place: Path, *arguments: str) -> None:
    """Call cosmic-ray in the copied tree."""
    environment = {**os.environ, "PYTHONPATH": str(place / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    program = Path(sys.executable).with_name("cosmic-ray")
    subprocess.run([program, *arguments], cwd=place, env=environment, check=True)


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


def report(work: WorkDB) -> int:
    """Print survivors and the share killed."""
    done = [
        (job, result)
        for job, result in work.results
        if result.worker_outcome is not WorkerOutcome.SKIPPED
    ]
    lived = [result for _job, result in done if result.test_outcome is TestOutcome.SURVIVED]
    for result in lived:
        print(result.diff, end="\n\n")
    killed = 1 - len(lived) / len(done)
    print(f"{len(done)} mutants, {len(lived)} survived, {killed:.1%} killed")
    return int(killed < 0.8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.room, options.sample, options.seed))
