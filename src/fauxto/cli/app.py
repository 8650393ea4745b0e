"""The ``fauxto`` command: one subcommand per verb, each in its own file."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
from fauxto.cli.console import guarded, quote


class Verbs(TyperGroup):
    """The verbs; who names a file instead of one is told the verb for it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:  # noqa: ANN401
        """Return the verb that the first word names, or say what else it may be."""
        if args and args[0] not in self.commands and Path(args[0]).exists():
            raise typer.BadParameter(
                f"{args[0]} is a file or folder, not a verb: fauxto predict {quote(args[0])}"
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="fauxto",
    cls=Verbs,
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
