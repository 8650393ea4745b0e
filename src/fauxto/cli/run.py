"""``fauxto run``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Json, Out, Overwrite, Quiet, Workers


def run(
    config: Annotated[
        Path,
        typer.Argument(
            help='TOML file: data = "FOLDER", then a "train" table, name and recipe, a network.'
        ),
    ],
    out: Out,
    device: Device = "auto",
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """The whole chain, resumable, ending in one report: OUT/index.html."""
    from fauxto.pipeline.config import load_config
    from fauxto.pipeline.run import run as run_chain

    with console.progress_bars(quiet=quiet) as progress:
        result = run_chain(
            load_config(config),
            out=out,
            device=device,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        )
    console.show_chain(result.page, result.table, as_json=as_json, quiet=quiet)
