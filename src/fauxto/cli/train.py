"""``fauxto train``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Json, Out, Overwrite, Quiet, Workers


def train(
    dataset: Annotated[Path, typer.Argument(help="Folder written by 'fauxto prepare'.")],
    out: Out,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="Name of a recipe, or a TOML file.")
    ] = "lite",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override, for example train.lr=1e-4.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="default (pretrained), none, or a file.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved recipe and stop.")
    ] = False,
    device: Device = "auto",
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Fine-tune one network; interrupted, the same command goes on where it stopped."""
    from fauxto.core.recipe import load_recipe, recipe_to_toml

    overrides = list(set_ or ())
    if weights is not None:
        overrides.append(f"model.weights={json.dumps(weights)}")
    resolved = load_recipe(recipe, overrides)
    if dry_run:
        typer.echo(recipe_to_toml(resolved), nl=False)
        return
    from fauxto.train.run import train as run_train

    with console.progress_bars(quiet=quiet) as progress:
        result = run_train(
            dataset,
            recipe=resolved,
            out=out,
            device=device,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        )
    console.refuse_reused(out, reused=result.reused)
    card = result.card
    if as_json:
        console.print_json({"out": str(out), "card": card.model_dump(mode="json")})
        return
    console.print_table(
        f"{card.architecture} in {out}",
        ("fact", "value"),
        [
            ("epochs (best)", f"{card.epochs} ({card.best_epoch})"),
            ("validation loss", f"{card.best_val_loss:.4f}"),
            ("temperature", f"{card.temperature:.3f}"),
            ("threshold", f"{card.threshold:.3f} ({card.policy})"),
            ("wall time", f"{card.wall_time_s:.0f} s"),
        ],
    )
    console.note(
        f"curves: {out / 'curves.svg'}\nnext:   fauxto evaluate {out} --data {dataset}", quiet=quiet
    )
