"""``fauxto evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Json, Overwrite, Quiet, Workers
from fauxto.core.choices import DEFAULT_COST_RATIO, Policy
from fauxto.core.labels import Split

if TYPE_CHECKING:
    from fauxto.metrics.parts import Part
    from fauxto.metrics.summary import ByLabel, Metrics

ROBUSTNESS_IMAGES: Final = 500


def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Folder written by 'fauxto train'.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder or URL written by 'fauxto prepare'.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Any detector's table with path,label,score."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="With --predictions.")] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="With --predictions.")
    ] = 0.5,
    detector: Annotated[
        str | None,
        typer.Option("--detector", help="Any Python function path -> score, as module:function."),
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also score 500 images disturbed in many ways.")
    ] = False,
    policy: Annotated[
        Policy | None,
        typer.Option("--policy", help="Choose the threshold again, on the run's validation rows."),
    ] = None,
    cost_ratio: Annotated[
        float, typer.Option("--cost-ratio", min=0.001, help="Cost of a missed fake: --policy cost.")
    ] = DEFAULT_COST_RATIO,
    columns: Annotated[
        Path | None,
        typer.Option("--columns", help="Table with path and further columns to slice by."),
    ] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Which part of the data; of a run: test.")
    ] = None,
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
    given = [name for name in (run, predictions, detector) if name is not None]
    if len(given) != 1:
        raise typer.BadParameter("give one of RUN, --predictions TABLE and --detector MODULE:NAME")
    if run is None and out is None:
        raise typer.BadParameter("--predictions and --detector need --out DIR")
    if predictions is None and data is None:
        raise typer.BadParameter("RUN and --detector need --data")
    from fauxto.evaluate import run as verb

    with console.progress_bars(quiet=quiet) as progress:
        if predictions is not None and out is not None:
            result = verb.evaluate_predictions(
                predictions, out=out, threshold=threshold, overwrite=overwrite
            )
        elif detector is not None and data is not None and out is not None:
            result = verb.evaluate_detector(
                detector,
                data=data,
                out=out,
                split=split,
                threshold=threshold,
                overwrite=overwrite,
                progress=progress,
            )
        elif run is not None and data is not None:
            result = verb.evaluate(
                run,
                data=data,
                split=split or Split.TEST,
                name=name,
                device=device,
                workers=workers,
                robustness=ROBUSTNESS_IMAGES if robustness else 0,
                policy=policy,
                cost_ratio=cost_ratio,
                columns=columns,
                overwrite=overwrite,
                progress=progress,
            )
    console.note_reused(result.folder, reused=result.reused, quiet=quiet)
    if as_json:
        console.print_json(result.metrics.model_dump(mode="json"))
        return
    _print(result.metrics)
    _print_parts(result.metrics)
    console.note(f"report: {result.folder / 'index.html'}", quiet=quiet)


def _print(metrics: "Metrics") -> None:
    def row(name: str, by_label: "ByLabel", whole: float | None = None) -> tuple[str, ...]:
        return (name, _number(by_label.fake), _number(by_label.real), _number(whole))

    wrong = metrics.confusion
    console.print_table(
        f"{metrics.run} on {metrics.n:,} {metrics.split} images, threshold {metrics.threshold:.3f}",
        ("metric", "fake", "real", "all"),
        [
            row("precision", metrics.precision),
            row("recall", metrics.recall),
            row("F1", metrics.f1, metrics.macro_f1),
            ("accuracy", "", "", f"{metrics.accuracy:.4f}"),
            ("ROC-AUC", "", "", _number(metrics.roc_auc)),
            (
                "wrong",
                f"{wrong.fn} called real",
                f"{wrong.fp} called fake",
                f"{wrong.fn + wrong.fp}",
            ),
        ],
        numeric=(1, 2, 3),
    )


def _print_parts(metrics: "Metrics") -> None:
    from fauxto.metrics.parts import describe_shortcut, title_part

    rows = [(part.title, part) for part in metrics.seen]
    rows += [
        (f"{control.scorer}, {title_part(control.images)}", control.part)
        for control in metrics.controls
    ]
    warning = describe_shortcut({metrics.run: metrics.controls})
    if not metrics.seen:
        console.note("no held-out rows: sources and generators are not known")
    if rows:
        console.print_table(
            "seen beside unseen, the model beside shortcuts (95 % intervals)",
            ("on", "images", "ROC-AUC", "accuracy"),
            [
                (name, f"{part.n:,}", _spread(part, "roc_auc"), _spread(part, "accuracy"))
                for name, part in rows
            ],
            numeric=(1, 2, 3),
        )
    if warning:
        console.note(warning)


def _spread(part: "Part", name: str) -> str:
    value, interval = getattr(part, name), part.intervals.get(name)
    if value is None:
        return ""
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
