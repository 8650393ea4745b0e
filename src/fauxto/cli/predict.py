"""``fauxto predict``."""

import csv
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Quiet, Workers
from fauxto.core.choices import Policy
from fauxto.core.labels import Verdict

if TYPE_CHECKING:
    from fauxto.core.records import Prediction


class FailOn(StrEnum):
    """Verdict that makes the command fail."""

    FAKE = "fake"


CSV_COLUMNS = ("path", "verdict", "score", "threshold", "model", "preprocess_hash", "error")


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(help="Files, folders, patterns, tables with a path column, or - for stdin."),
    ],
    model: Annotated[Path, typer.Option("--model", help="Run folder or .onnx file.")],
    policy: Annotated[
        Policy | None, typer.Option("--policy", help="Rule whose threshold to use.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A CSV table.")] = False,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit with 3 if there is such a verdict.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 16,
    workers: Workers = DEFAULT_WORKERS,
    device: Device = "auto",
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Say of each picture whether it is real or made by AI, in the order given."""
    from fauxto.predict.detector import Detector
    from fauxto.predict.inputs import expand_inputs

    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    detector = Detector.load(model, policy=policy, device=device)
    images = expand_inputs(paths, sys.stdin.buffer)
    counts = {"fake": 0, "real": 0, "unsure": 0, "error": 0}
    with console.progress_bars(quiet=quiet) as progress:

        def counted() -> "Iterator[Prediction]":
            predictions = detector.predict_many(images, batch_size=batch_size, workers=workers)
            for done, prediction in enumerate(predictions, start=1):
                counts[prediction.verdict or "error"] += 1
                progress("predict", done, len(images))
                yield prediction

        if as_json:
            _print_lines(counted())
        elif as_csv:
            _print_csv(counted())
        else:
            rows = [_row(prediction) for prediction in counted()]
    if not (as_json or as_csv):
        console.print_table("", ("path", "verdict", "score", "note"), rows, numeric=(2,))
        console.note(
            f"{detector.scorer.name}: fake at score ≥ {detector.threshold:.3f}. "
            "Evidence, not proof.",
            quiet=quiet,
        )
    if counts["error"]:
        console.note(f"{counts['error']} of {len(images)} could not be read")
        raise typer.Exit(console.EXIT_ERROR)
    if fail_on is not None and counts[Verdict.FAKE]:
        raise typer.Exit(console.EXIT_GATE)


def _print_lines(predictions: "Iterable[Prediction]") -> None:
    for prediction in predictions:
        console.print_json(prediction.model_dump(mode="json"))


def _print_csv(predictions: "Iterable[Prediction]") -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(CSV_COLUMNS)
    for prediction in predictions:
        values = prediction.model_dump(mode="json")
        writer.writerow(
            [console.printable(str(v)) if (v := values[c]) is not None else "" for c in CSV_COLUMNS]
        )


def _row(prediction: "Prediction") -> tuple[str, str, str, str]:
    if prediction.score is None:
        return (prediction.path, "error", "", prediction.error or "")
    return (
        prediction.path,
        prediction.verdict or "",
        f"{prediction.score:.3f}",
        "; ".join(prediction.notes),
    )
