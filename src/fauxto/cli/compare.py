"""``fauxto compare``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import Debug, Json, Out, Overwrite, Quiet


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two or more evaluated run folders.")],
    out: Out,
    evaluation: Annotated[
        str, typer.Option("--evaluation", help="Which evaluation of each run.")
    ] = "test",
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Put evaluated runs side by side: the report's table, with intervals and paired tests."""
    from fauxto.compare.run import compare as run_compare
    from fauxto.core.artifacts import CARD, COMPARISON, PAGE, read_json
    from fauxto.core.speed import SPEED

    result = run_compare(runs, out=out, evaluation=evaluation, overwrite=overwrite)
    console.note_reused(out, reused=result.reused, quiet=quiet)
    if as_json:
        console.print_json(read_json(out / COMPARISON))
        return
    typer.echo((out / "table.md").read_text("utf-8"), nl=False)
    console.note(f"report: {out / PAGE}", quiet=quiet)
    unmeasured = [run for run in runs if (run / CARD).is_file() and not (run / SPEED).is_file()]
    if unmeasured:
        names = " ".join(map(console.quote, unmeasured))
        console.note(f"time and memory are not measured: fauxto speed {names}", quiet=quiet)
