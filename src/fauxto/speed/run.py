"""Measures what a run costs, each runtime in a fresh process."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fauxto.core.artifacts import WEIGHTS, read_card, require_finished, write_json
from fauxto.core.environment import describe_environment
from fauxto.core.errors import ArtifactError, MissingExtra
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.core.speed import SPEED, Speed, Timing, read_speed
from fauxto.speed.clock import Task, name_processor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeedResult(Shown):
    """A measured run.

    Attributes:
        path: the file that holds the measurement.
        speed: the measurement.
        reused: the run had been measured before, and was left as it is.
    """

    path: Path
    speed: Speed
    reused: bool


@dataclass(frozen=True)
class _Exported:
    bytes: int | None
    note: str | None
    timing: Timing | None


def measure_speed(
    run: Path,
    *,
    seconds: float = 3.0,
    batch_size: int = 16,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> SpeedResult:
    """Measure a run's latency, throughput and memory, and write them to ``RUN/speed.json``.

    torch on the CPU, on a CUDA device if there is one, and ONNX Runtime on the CPU, with the file
    that ``fauxto export`` gives.

    Args:
        run: folder written by ``fauxto train``.
        seconds: time for each of latency and throughput of each runtime.
        batch_size: images of a call when throughput is measured.
        threads: CPU threads; None takes as many as this process may use.
        overwrite: measure again.
        progress: told how many of the measurements are done.

    Raises:
        ArtifactError: it is no finished run, is damaged, or a measuring process died.
        MissingExtra: torch is not installed.
    """
    require_finished(run, "train")
    measured = None if overwrite else read_speed(run)
    if measured is not None:
        return SpeedResult(run / SPEED, measured, reused=True)
    if find_spec("torch") is None:
        raise MissingExtra("measuring a run", "train")
    task = Task(
        model=run.resolve(),
        seconds=seconds,
        batch_size=batch_size,
        threads=threads or usable_cores(),
    )
    progress("speed", 0, 2)
    on_cpu = _measure_in_process("with_torch", task)
    progress("speed", 1, 2)
    costs = [on_cpu]
    if on_cpu["has_gpu"]:
        costs.append(_measure_in_process("with_torch", task.model_copy(update={"device": "cuda"})))
    exported = _measure_exported(task)
    progress("speed", 2, 2)
    timings = [Timing.model_validate(cost["timing"]) for cost in costs]
    card = read_card(run)
    speed = Speed(
        run=card.name,
        size_px=card.preprocess.size_px,
        parameters=card.parameters,
        gflops=on_cpu["gflops"],
        weights_bytes=(run / WEIGHTS).stat().st_size,
        onnx_bytes=exported.bytes,
        onnx_note=exported.note,
        processor=name_processor(),
        timings=(*timings, exported.timing) if exported.timing else tuple(timings),
        environment=describe_environment(),
    )
    write_json(run / SPEED, speed.model_dump(mode="json"))
    logger.info("measured", extra={"run": str(run), "runtimes": len(speed.timings)})
    return SpeedResult(run / SPEED, speed, reused=False)


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _measure_exported(task: Task) -> _Exported:
    """Export the run as its user would, and measure the file."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        result = _run_python("fauxto", "export", str(task.model), "--out", str(model))
        if result.returncode:
            return _Exported(None, _last_line(result.stderr) or "the export failed", None)
        timing = _measure_in_process("with_onnx", task.model_copy(update={"model": model}))
        return _Exported(model.stat().st_size, None, Timing.model_validate(timing))


def _measure_in_process(module: str, task: Task) -> dict[str, Any]:
    """Run a module of this room in a Python of its own, so that its peak memory is its own."""
    result = _run_python(f"fauxto.speed.{module}", task.model_dump_json())
    if result.returncode:
        reason = (
            _last_line(result.stderr) or f"exit status {result.returncode}, as for want of memory"
        )
        raise ArtifactError(f"{task.model} could not be measured: {reason}")
    measured: dict[str, Any] = json.loads(result.stdout)
    return measured


def _run_python(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "")
