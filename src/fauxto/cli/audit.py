"""``fauxto audit``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import (
    DEFAULT_WORKERS,
    Address,
    Debug,
    EngineOption,
    Json,
    OutAddress,
    Overwrite,
    Quiet,
    Workers,
)
from fauxto.core.choices import EngineName

if TYPE_CHECKING:
    from fauxto.audit.run import AuditResult


def audit(
    data: Annotated[
        str,
        typer.Argument(help="Folder, table with path,label, or shards; s3://… and others too."),
    ],
    out: OutAddress,
    real: Annotated[
        list[Path] | None, typer.Option("--real", help="Folder of real images (repeatable).")
    ] = None,
    fake: Annotated[
        list[Path] | None, typer.Option("--fake", help="Folder of AI images (repeatable).")
    ] = None,
    max_pixels: Annotated[
        int, typer.Option("--max-pixels", min=1, help="Larger images are not decoded.")
    ] = 200_000_000,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 if there is a blocking finding.")
    ] = False,
    workers: Workers = DEFAULT_WORKERS,
    engine: EngineOption = EngineName.LOCAL,
    address: Address = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Read every file once: what is broken, doubled, unbalanced, or gives the label away."""
    from fauxto.audit.run import audit as run_audit
    from fauxto.engine.part import Engine

    with console.progress_bars(quiet=quiet) as progress:
        result = run_audit(
            data,
            out=out,
            real=real or (),
            fake=fake or (),
            max_pixels=max_pixels,
            engine=Engine(engine, workers, address),
            overwrite=overwrite,
            progress=progress,
        )
    console.note_reused(out, reused=result.reused, quiet=quiet)
    counts = result.images["status"].value_counts(sort=True).rows()
    if as_json:
        console.print_json(
            {
                "out": str(out),
                "images": result.images.height,
                "status": dict(counts),
                "findings": [finding.model_dump(mode="json") for finding in result.findings],
            }
        )
    else:
        console.print_table(
            f"{result.images.height:,} files in {data}",
            ("status", "files"),
            [(status, f"{n:,}") for status, n in counts],
            numeric=(1,),
        )
        console.print_table(
            "findings, worst first",
            ("severity", "finding", "rows"),
            [(f.severity, f.title, f"{f.count:,}") for f in result.findings],
            numeric=(2,),
        )
        _advise(result, data, quiet=quiet)
    if strict and any(finding.severity == "blocking" for finding in result.findings):
        raise typer.Exit(console.EXIT_GATE)


def _advise(result: "AuditResult", data: str, *, quiet: bool) -> None:
    """Say where the report is, what blocks, and what comes next.

    Raises:
        DataError: there is no picture at all.
    """
    from fauxto.core import storage
    from fauxto.core.artifacts import PAGE
    from fauxto.core.errors import DataError, ImageStatus

    for finding in result.findings:
        if finding.severity == "blocking":
            console.note(f"blocking: {finding.title}. {finding.advice}", quiet=quiet)
    console.note(f"report: {storage.join(result.out, PAGE)}", quiet=quiet)
    usable = result.images.filter(result.images["status"] == ImageStatus.OK.value)
    if usable.is_empty():
        raise DataError(f"none of the {result.images.height:,} files in {data} is a usable picture")
    split = "" if usable["split"].null_count() == 0 else " --split grouped"
    console.note(
        f"next:   fauxto prepare {console.quote(data)} --audit {console.quote(result.out)}{split} "
        "--out DATASET",
        quiet=quiet,
    )
