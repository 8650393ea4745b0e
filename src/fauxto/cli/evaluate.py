"""``fauxto evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Json, Overwrite, Quiet, Workers
from fauxto.core.labels import Split


def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Folder written by 'fauxto train'.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder written by 'fauxto prepare'.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Any detector's table with path,label,score."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="With --predictions.")] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="With --predictions.")
    ] = 0.5,
    split: Annotated[Split, typer.Option("--split", help="Which part of the data.")] = Split.TEST,
    name: Annotated[
        str | None, typer.Option("--name", help="Folder under RUN/evaluation; default the split.")
    ] = None,
    device: Device = "auto",
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Score a split and report metrics, at the threshold that validation chose."""
    if (run is None) == (predictions is None):
        raise typer.BadParameter("give either a RUN folder or --predictions TABLE")
    from fauxto.evaluate.run import evaluate as run_evaluate
    from fauxto.evaluate.run import evaluate_predictions

    with console.progress_bars(quiet=quiet) as progress:
        if predictions is not None:
            if out is None:
                raise typer.BadParameter("--predictions needs --out")
            result = evaluate_predictions(
                predictions, out=out, threshold=threshold, overwrite=overwrite
            )
        else:
            if run is None or data is None:
                raise typer.BadParameter("a RUN needs --data DATASET")
            result = run_evaluate(
                run,
                data=data,
                split=split,
                name=name,
                device=device,
                workers=workers,
                overwrite=overwrite,
                progress=progress,
            )
    console.refuse_reused(result.folder, reused=result.reused)
    metrics = result.metrics
    if as_json:
        console.print_json(metrics.model_dump(mode="json"))
        return
    c = metrics.confusion
    console.print_table(
        f"{metrics.run} on {metrics.n} {metrics.split} images, threshold {metrics.threshold:.3f}",
        ("metric", "fake", "real", "all"),
        [
            ("precision", f"{metrics.precision.fake:.3f}", f"{metrics.precision.real:.3f}", ""),
            ("recall", f"{metrics.recall.fake:.3f}", f"{metrics.recall.real:.3f}", ""),
            ("F1", f"{metrics.f1.fake:.3f}", f"{metrics.f1.real:.3f}", f"{metrics.macro_f1:.3f}"),
            ("accuracy", "", "", f"{metrics.accuracy:.4f}"),
            ("ROC-AUC", "", "", "–" if metrics.roc_auc is None else f"{metrics.roc_auc:.4f}"),
            ("wrong", f"{c.fn} called real", f"{c.fp} called fake", str(c.fn + c.fp)),
        ],
        numeric=(1, 2, 3),
    )
    console.note(f"report: {result.folder / 'index.html'}", quiet=quiet)
