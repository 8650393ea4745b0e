"""``fauxto demo``."""

from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Json, Out, Overwrite, Quiet, Seed, Workers


def demo(
    out: Out,
    only_data: Annotated[
        bool, typer.Option("--only-data", help="Write the pictures to --out and stop.")
    ] = False,
    seed: Seed = 42,
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """The whole chain in minutes, on data that needs no download."""
    from fauxto.pipeline.demo import demo as run_demo
    from fauxto.pipeline.demo_data import make_demo_data

    with console.progress_bars(quiet=quiet) as progress:
        if only_data:
            make_demo_data(out, seed=seed, overwrite=overwrite, progress=progress)
        else:
            result = run_demo(
                out=out, seed=seed, workers=workers, overwrite=overwrite, progress=progress
            )
    if not only_data:
        console.show_chain(result.page, result.table, as_json=as_json, quiet=quiet)
    elif as_json:
        console.print_json({"data": str(out)})
    else:
        console.note(f"pictures: {out}", quiet=quiet)
