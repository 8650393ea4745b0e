"""Row functions that are slow, die or find a full disk; importable where workers run."""

import os
import signal
import time
from contextlib import suppress
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
class OneDiskFull(Plan):
    """A plan of which one of Ray's workers, the first to write, writes to a disk that is full."""

    def part(self, number):
        if self.listed is None or not os.environ.get("RAY_JOB_ID"):
            return super().part(number)
        claim = Path(self.folder) / ".full"
        with suppress(FileExistsError):
            claim.symlink_to(str(os.getpid()))
        if str(claim.readlink()) != str(os.getpid()):
            return super().part(number)
        with (Path(self.folder) / ".failed").open("a") as log:
            log.write(f"{number}\n")
        return str(Path(os.environ["FULL_DISK"]) / f"part-{number}")
