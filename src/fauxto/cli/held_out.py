"""``fauxto held-out``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Json, Out, Overwrite, Quiet, Workers
from fauxto.core.choices import HeldOutBy


def held_out(
    data: Annotated[Path, typer.Argument(help="The folder or table that was audited.")],
    audit: Annotated[Path, typer.Option("--audit", help="Folder written by 'fauxto audit'.")],
    by: Annotated[HeldOutBy, typer.Option("--by", help="What is withheld, one after another.")],
    out: Out,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="Name of a recipe, or a TOML file.")
    ] = "lite",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override, for example train.max_epochs=2.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Withhold only this value (repeatable).")
    ] = None,
    least: Annotated[
        int, typer.Option("--least", min=1, help="Images that a value must have.")
    ] = 20,
    size: Annotated[
        int, typer.Option("--size", min=16, help="Side of the pictures in pixels.")
    ] = 224,
    device: Device = "auto",
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Train once for each generator or source withheld: numbers on what was never seen."""
    from fauxto.core.recipe import PrepareOptions, load_recipe
    from fauxto.pipeline.held_out import held_out as run_held_out

    with console.progress_bars(quiet=quiet) as progress:
        result = run_held_out(
            data,
            audit=audit,
            by=by,
            recipe=load_recipe(recipe, set_ or ()),
            out=out,
            only=only or (),
            least=least,
            options=PrepareOptions(size_px=size),
            device=device,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        console.print_json(result.found.model_dump(mode="json"))
        return
    typer.echo((out / "table.md").read_text("utf-8"), nl=False)
    console.note(f"report: {out / 'index.html'}", quiet=quiet)
