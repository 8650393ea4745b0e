"""``fauxto serve``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Quiet


def serve(
    model: Annotated[Path, typer.Option("--model", help="Run folder or .onnx file.")],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", "-j", min=1, show_default="all cores", help="Processes that decode."
        ),
    ] = DEFAULT_WORKERS,
    device: Device = "auto",
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Answer over HTTP, with a web page, until stopped."""
    from fauxto.models.scorer import open_scorer
    from fauxto.serve.app import create_app
    from fauxto.serve.server import run_server
    from fauxto.serve.settings import ServeSettings

    settings = ServeSettings(decode_workers=workers)
    app = create_app(open_scorer(model, device), settings)
    console.note(f"http://{host}:{port}/ (Ctrl-C ends it)", quiet=quiet)
    run_server(app, host=host, port=port, limits=settings.limits)
