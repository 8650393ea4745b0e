"""Flags that several verbs share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from fauxto.core.choices import EngineName

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write; made if missing.")]
OutAddress = Annotated[
    str,
    typer.Option("--out", "-o", help="Folder to write, made if missing; s3://… and others too."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a result that fauxto wrote there before.")
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        "-j",
        min=1,
        show_default="all cores",
        help="Processes or threads that work at once.",
    ),
]
Audited = Annotated[Path, typer.Argument(help="The folder or table that was audited.")]
Audit = Annotated[str, typer.Option("--audit", help="Folder written by 'fauxto audit'.")]
SizePx = Annotated[int, typer.Option("--size", min=16, help="Side of the pictures in pixels.")]
RecipeName = Annotated[
    str,
    typer.Option(
        "--recipe",
        "-r",
        help="lite, robust, report/resnet18, …, or a TOML file; a wrong name lists all.",
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override, for example train.lr=1e-4.")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps or auto.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error arose.")]

EngineOption = Annotated[
    EngineName, typer.Option("--engine", help="Who spreads the work: this machine, or Ray.")
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="Ray cluster, such as auto; default one started here."),
]

DEFAULT_WORKERS = os.cpu_count() or 1
