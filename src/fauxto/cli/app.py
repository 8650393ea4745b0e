"""The ``fauxto`` command: one subcommand per verb, each in its own file."""

from typing import Annotated

import typer

from fauxto import __version__
from fauxto.cli import (
    audit,
    compare,
    demo,
    evaluate,
    explain,
    export,
    held_out,
    models,
    predict,
    prepare,
    run,
    serve,
    speed,
    train,
)
from fauxto.cli.console import guarded

app = typer.Typer(
    name="fauxto",
    help="Is this picture real, or made by AI? From a folder of images to a detector.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"fauxto {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Audit, prepare, train, evaluate, compare, explain, predict: left to right."""


for module in (
    audit,
    prepare,
    train,
    evaluate,
    compare,
    speed,
    explain,
    export,
    predict,
    serve,
    run,
    held_out,
    demo,
    models,
):
    app.command()(getattr(module, module.__name__.rsplit(".", 1)[-1]))


def main() -> None:
    """Run the command line."""
    guarded(app)
