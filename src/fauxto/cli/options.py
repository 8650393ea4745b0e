"""Flags that several verbs share."""

import os
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write; made if missing.")]
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
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps or auto.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error arose.")]

DEFAULT_WORKERS = os.cpu_count() or 1
