"""``fauxto explain``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import (
    DEFAULT_WORKERS,
    Debug,
    Device,
    Json,
    Overwrite,
    Quiet,
    Seed,
    Workers,
)
from fauxto.core.labels import Split
from fauxto.explain.catalogue import METHODS, Target


def explain(
    runs: Annotated[list[Path], typer.Argument(help="Run folders and .onnx files.")],
    data: Annotated[
        str | None, typer.Option("--data", help="Folder or URL written by 'fauxto prepare'.")
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Option("--images", help="A picture to explain (repeatable).")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            help="auto (Grad-CAM for CNNs, rollout for transformers, an ONNX file's own map), all, "
            f"or some of {', '.join(METHODS)} (repeatable).",
            show_default="auto",
        ),
    ] = None,
    target: Annotated[
        Target, typer.Option("--target", help="Whose evidence the maps show.")
    ] = Target.PREDICTED,
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="Pictures shown, chosen among those measured.")
    ] = 8,
    measured: Annotated[
        int, typer.Option("--measured", min=1, help="Pictures drawn from --data, both classes.")
    ] = 500,
    tested: Annotated[
        int, typer.Option("--tested", min=0, help="Pictures on which the maps are put to the test.")
    ] = 32,
    control: Annotated[
        list[Path] | None,
        typer.Option("--control", help="The same network trained on permuted labels (repeatable)."),
    ] = None,
    strength: Annotated[
        float, typer.Option("--strength", min=0, max=1, help="Of the map in the overlay files.")
    ] = 0.5,
    split: Annotated[Split, typer.Option("--split", help="Which part of --data.")] = Split.TEST,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Default RUN/explanations/NAME of the only run.",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Folder under RUN/explanations.")] = "default",
    seed: Seed = 42,
    device: Device = "auto",
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Show what the networks look at, the same pictures for each, side by side."""
    if data is None and not images:
        raise typer.BadParameter("give --data DATASET or --images PICTURE")
    from fauxto.explain.run import explain as run_explain

    with console.progress_bars(quiet=quiet) as progress:
        result = run_explain(
            runs,
            data=data,
            images=images or (),
            method=",".join(method or ["auto"]),
            sample=sample,
            split=split,
            out=out,
            name=name,
            device=device,
            workers=workers,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
            target=target,
            measured=measured,
            tested=tested,
            control=control or (),
            strength=strength,
        )
    console.note_reused(result.folder, reused=result.reused, quiet=quiet)
    if as_json:
        console.print_json({"out": str(result.folder)})
        return
    console.note(f"report: {result.folder / 'index.html'}", quiet=quiet)
