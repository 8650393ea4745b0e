"""``fauxto export``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import Debug, Json, Overwrite, Quiet


def export(
    run: Annotated[Path, typer.Argument(help="Folder written by 'fauxto train'.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, ending in .onnx.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Write a run as one ONNX file that predicts without torch; refused if scores differ."""
    from fauxto.export.run import export as run_export

    result = run_export(run, out=out, overwrite=overwrite)
    if as_json:
        console.print_json(
            {
                "out": str(result.path),
                "bytes": result.bytes,
                "max_score_difference": result.max_score_difference,
            }
        )
        return
    console.note(
        f"{result.path}: {result.bytes / 1e6:.1f} MB, scores within "
        f"{result.max_score_difference:.1e} of the run's\n"
        f"next: fauxto predict PICTURE --model {console.quote(result.path)}",
        quiet=quiet,
    )
