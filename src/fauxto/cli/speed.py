"""``fauxto speed``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import Debug, Json, Quiet

if TYPE_CHECKING:
    from fauxto.core.speed import Speed

COLUMNS = (
    "run", "runtime", "device", "one image (ms)", "images/s", "batch", "threads",
    "peak memory (MB)",
)  # fmt: skip


def speed(
    runs: Annotated[list[Path], typer.Argument(help="One or more run folders.")],
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.01, help="Time for each single measurement.")
    ] = 3.0,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Images of a call for images/s.")
    ] = 16,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, show_default="all cores", help="CPU threads.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Measure again what was measured before.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Measure time and memory of runs with torch and ONNX Runtime, for 'fauxto compare'."""
    from fauxto.speed.run import measure_speed

    measured = []
    for run in runs:
        with console.progress_bars(quiet=quiet) as progress:
            result = measure_speed(
                run,
                seconds=seconds,
                batch_size=batch_size,
                threads=threads,
                overwrite=overwrite,
                progress=progress,
            )
        measured.append(result.speed)
        if result.reused:
            console.note(f"{run}: measured before (--overwrite measures again)", quiet=quiet)
    if as_json:
        for one in measured:
            console.print_json(one.model_dump(mode="json"))
        return
    console.print_table("", COLUMNS, [row for one in measured for row in _rows(one)],
                        numeric=range(3, 8))  # fmt: skip
    for one in measured:
        without_file = f"; no ONNX file: {one.onnx_note}" if one.onnx_note else ""
        console.note(
            f"{one.run}: {one.gflops:.2f} GFLOPs (multiply-adds), {one.parameters / 1e6:.1f} M "
            f"parameters, {one.weights_bytes / 1e6:.1f} MB; {one.processor}{without_file}",
            quiet=quiet,
        )


def _rows(measured: "Speed") -> list[tuple[str, ...]]:
    return [
        (
            measured.run,
            str(timing.runtime),
            timing.device,
            f"{timing.latency_ms:.1f}",
            f"{timing.images_per_s:.1f}",
            str(timing.batch_size),
            str(timing.threads),
            "–" if timing.memory_bytes is None else f"{timing.memory_bytes / 1e6:.0f}",
        )
        for timing in measured.timings
    ]
