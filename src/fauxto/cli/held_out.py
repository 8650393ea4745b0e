"""``fauxto held-out``."""

from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import (
    DEFAULT_WORKERS,
    Audit,
    Audited,
    Debug,
    Device,
    Json,
    Out,
    Overrides,
    Overwrite,
    Quiet,
    RecipeName,
    SizePx,
    Workers,
)
from fauxto.core.choices import HeldOutBy


def held_out(
    data: Audited,
    audit: Audit,
    by: Annotated[HeldOutBy, typer.Option("--by", help="What is withheld, one after another.")],
    out: Out,
    recipe: RecipeName = "lite",
    set_: Overrides = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Withhold only this value (repeatable).")
    ] = None,
    least: Annotated[
        int, typer.Option("--least", min=1, help="Images that a value must have.")
    ] = 20,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            min=1,
            help="Networks that share the values, several withheld at once; default one each.",
        ),
    ] = None,
    size: SizePx = 224,
    device: Device = "auto",
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Train with each generator or source withheld once: numbers on what was never seen."""
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
            folds=folds,
            options=PrepareOptions(size_px=size),
            device=device,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        console.print_json(result.found.model_dump(mode="json"))
        return
    typer.echo((result.out / "table.md").read_text("utf-8"), nl=False)
    console.note(f"report: {result.out / 'index.html'}", quiet=quiet)
