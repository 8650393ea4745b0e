"""Row functions that are slow, die or find a full disk; importable where workers run."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fauxto.engine.plan import Plan

SCHEMA = {"path": pl.String(), "length": pl.Int64(), "error": pl.String()}


def measure(image):
    """Return the length of a file's name; slow enough to be killed half-way."""
    time.sleep(0.02)
    if image.path.endswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    error = "it is bad" if image.path.endswith("bad") else None
    return {"path": image.path, "length": None if error else len(image.path), "error": error}


def lose(image, reason):
    return {"path": image.path, "length": None, "error": reason}


@dataclass(frozen=True)
class FullOnce(Plan):
    """A plan whose every part meets a full disk at its first try."""

    def part(self, number):
        mark = Path(self.folder) / f".tried-{number}"
        if not mark.exists() and self.listed is not None and os.environ.get("RAY_JOB_ID"):
            mark.touch()
            return f"/dev/full/{number}"
        return super().part(number)
