"""``fauxto serve``."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Quiet


def serve(
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", show_default="the bundled detector", help="Run folder or .onnx file."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
    reports: Annotated[
        Path | None, typer.Option("--reports", help="Folder whose reports are shown too.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="File of API keys; without it no key is needed.")
    ] = None,
    new_key: Annotated[
        str | None,
        typer.Option("--new-key", help="Add a key of this name to --keys, print it, and end."),
    ] = None,
    rate: Annotated[
        int | None, typer.Option("--rate", min=1, help="Pictures a minute from one client.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            show_default="this machine's own on 127.0.0.1, else any",
            help="Name by which clients may call the server; repeatable.",
        ),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trust-proxy", help="Address whose X-Forwarded-For is believed; repeatable."
        ),
    ] = None,
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="Largest picture in MiB.")] = 32,
    max_megapixels: Annotated[
        int, typer.Option("--max-megapixels", min=1, help="Largest picture in million pixels.")
    ] = 64,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", "-j", min=1, show_default="all cores", help="Processes that decode."
        ),
    ] = DEFAULT_WORKERS,
    log: Annotated[
        bool,
        typer.Option("--log", help="Log each request's method, route, status, time and size."),
    ] = False,
    device: Device = "auto",
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Answer over HTTP, with a web page, until stopped."""
    from fauxto.serve.access import add_key, loopback_hosts, read_keys

    if new_key is not None:
        if keys is None:
            raise typer.BadParameter("--new-key needs --keys FILE to write to")
        typer.echo(add_key(keys, new_key))
        console.note(f"only its hash is in {keys}: this is the one time it is shown", quiet=quiet)
        return
    from fauxto.models.scorer import bundled_detector, open_scorer
    from fauxto.serve.app import create_app
    from fauxto.serve.server import run_server
    from fauxto.serve.settings import DECODE_BYTES_PER_PIXEL, MEBIBYTE, ServeLimits, ServeSettings

    if reports is not None and not reports.is_dir():
        raise typer.BadParameter(f"--reports {reports}: there is no such folder")
    file_bytes, pixels = max_mb * MEBIBYTE, max_megapixels * 1_000_000
    settings = ServeSettings(
        limits=ServeLimits(
            max_file_bytes=file_bytes,
            max_request_bytes=2 * file_bytes,
            max_held_bytes=16 * file_bytes,
            max_pixels=pixels,
            decode_memory_bytes=max(512 * MEBIBYTE, pixels * DECODE_BYTES_PER_PIXEL),
        ),
        decode_workers=workers,
        keys=read_keys(keys) if keys else {},
        rate_per_minute=rate,
        hosts=tuple(allow_host or ()) or loopback_hosts(host),
        reports=reports,
    )
    if log:
        logging.getLogger("fauxto.serve").setLevel(logging.INFO)
    app = create_app(open_scorer(model or bundled_detector(), device), settings)
    if not loopback_hosts(host) and keys is None:
        console.note("anyone who reaches this address may use it: --keys asks for keys")

    def announce(bound: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        console.note(f"http://{shown}:{bound}/ (Ctrl-C ends it)", quiet=quiet)

    run_server(
        app,
        host=host,
        port=port,
        limits=settings.limits,
        announce=announce,
        trusted_proxies=tuple(trust_proxy or ()),
    )
