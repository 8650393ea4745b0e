"""What a run costs to use (``speed.json``): written by ``fauxto speed``, read by ``compare``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from fauxto.core.artifacts import read_document
from fauxto.core.records import Document, Environment, Record

SPEED: Final = "speed.json"
"""Name of the file in a run folder."""

Positive = Annotated[float, Field(gt=0)]


class Runtime(StrEnum):
    """What computes the network."""

    TORCH = "torch"
    """The run folder, as ``fauxto predict --model RUN`` uses it."""
    ONNX = "onnxruntime"
    """The file that ``fauxto export`` writes."""


class Timing(Record):
    """One runtime on one device, in a process of its own; preprocessing is not in it."""

    runtime: Runtime
    device: str
    """``cpu``, or the name of the GPU."""
    threads: int
    latency_ms: Positive
    """Median time of one image alone, in milliseconds."""
    latency_range_ms: tuple[Positive, Positive]
    """10th and 90th percentile of it."""
    batch_size: int
    images_per_s: Positive
    """At ``batch_size``; median."""
    memory_bytes: int | None
    """Peak resident memory of the whole process after single images; null where unknown."""
    memory_batch_bytes: int | None
    """The same after batches."""
    gpu_memory_bytes: int | None
    """Peak memory that torch took on the GPU; null on the CPU."""


class Speed(Document):
    """Cost of one run, measured on one machine."""

    run: str
    size_px: int
    parameters: int
    gflops: Positive
    """10⁹ multiply-adds for one image at ``size_px``, counted by torch."""
    weights_bytes: int
    onnx_bytes: int | None
    onnx_note: str | None
    """Why there is no ONNX file; null where there is one."""
    processor: str
    timings: tuple[Timing, ...]
    environment: Environment

    def timing(self, runtime: Runtime, device: str = "cpu") -> Timing | None:
        """Return the measurement of a runtime on a device, or None."""
        return next(
            (one for one in self.timings if one.runtime == runtime and one.device == device), None
        )


def read_speed(run: Path) -> Speed | None:
    """Return what was measured of a run, or None where nothing was.

    Raises:
        ArtifactError: the file is damaged, or from a newer fauxto.
    """
    path = run / SPEED
    if not path.is_file():
        return None
    return read_document(path, Speed, "a result of 'fauxto speed'")
