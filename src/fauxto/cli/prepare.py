"""``fauxto prepare``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Json, Out, Overwrite, Quiet, Seed, Workers
from fauxto.core.choices import Fit, Resample


def prepare(
    data: Annotated[Path, typer.Argument(help="The folder or table that was audited.")],
    audit: Annotated[Path, typer.Option("--audit", help="Folder written by 'fauxto audit'.")],
    out: Out,
    size: Annotated[int, typer.Option("--size", min=16, help="Side of the result in pixels.")] = 224,
    fit: Annotated[Fit, typer.Option("--fit", help="How a picture becomes a square.")] = Fit.SQUASH,
    resample: Annotated[
        Resample, typer.Option("--resample", help="exact: Pillow's LANCZOS on every pixel.")
    ] = Resample.EXACT,
    val: Annotated[
        float, typer.Option("--val", min=0.01, max=0.5, help="Share of training for validation.")
    ] = 0.1,
    test: Annotated[
        float, typer.Option("--test", min=0.01, max=0.9, help="Test share if data has no split.")
    ] = 0.2,
    split: Annotated[
        str, typer.Option("--split", help="given, random, grouped or held-out; see the manual.")
    ] = "given",
    match: Annotated[
        list[str] | None, typer.Option("--match", help="Shortcut to remove: geometry, container.")
    ] = None,
    seed: Seed = 42,
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Leave out what is broken, split, and bring every picture to one size, lossless."""
