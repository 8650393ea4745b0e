"""``fauxto predict``."""

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Device, Overwrite, Quiet, Workers
from fauxto.core.choices import Policy

if TYPE_CHECKING:
    from fauxto.core.records import Prediction
    from fauxto.predict.detector import Detector


class FailOn(StrEnum):
    """Verdict that makes the command fail."""

    FAKE = "fake"


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(help="Files, folders, patterns, tables with a path column, or - for stdin."),
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Run folder or .onnx file; default the bundled detector."),
    ] = None,
    policy: Annotated[
        Policy | None,
        typer.Option(
            "--policy", help="Rule whose threshold to use; default fpr-5%, else the model's own."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line; default unless on a terminal.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A CSV table.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write a .jsonl, .csv or .parquet file instead."),
    ] = None,
    stability: Annotated[
        bool,
        typer.Option("--stability", help="Unsure where a mild re-encoding flips it; five passes."),
    ] = False,
    explain: Annotated[
        Path | None,
        typer.Option("--explain", help="Folder for pictures of what decided; .onnx models."),
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option("--trust", help="Certificates (PEM) whose Content Credentials to trust."),
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit with 3 if there is such a verdict.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 8,
    workers: Workers = DEFAULT_WORKERS,
    device: Device = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Say of each picture whether it is real or made by AI, in the order given."""
    if as_json + as_csv + (out is not None) > 1:
        raise typer.BadParameter("choose one of --json, --csv and --out")
    from fauxto.predict.detector import Detector
    from fauxto.predict.inputs import expand_inputs
    from fauxto.predict.trust import read_trust_anchors
    from fauxto.predict.writing import check_out, save, write_csv, write_json_lines

    if out is not None:
        check_out(out, overwrite=overwrite)
    anchors = None if trust is None else read_trust_anchors(trust)
    detector = Detector.load(model, policy=policy, device=device)
    as_table = sys.stdout.isatty() and not (as_json or as_csv or out)
    _say_policy(detector, policy, quiet=quiet)
    counts = dict.fromkeys(("fake", "real", "unsure", "error"), 0)
    with console.progress_bars(quiet=quiet or as_table or not sys.stderr.isatty()) as progress:

        def counted() -> "Iterator[Prediction]":
            predictions = detector.predict_many(
                expand_inputs(paths, sys.stdin.buffer),
                batch_size=batch_size,
                workers=workers,
                stability=stability,
                explain=explain,
                trust_anchors=anchors,
            )
            for done, prediction in enumerate(predictions, start=1):
                counts[prediction.verdict or "error"] += 1
                progress("predict", done, 0)
                yield prediction

        if out is not None:
            save(counted(), out)
        elif as_csv:
            write_csv(counted(), sys.stdout)
        elif as_table:
            _print_table(counted())
        else:
            write_json_lines(counted(), sys.stdout)
    if out is not None:
        console.note(f"{out}: {sum(counts.values()):,} rows", quiet=quiet)
    _exit(counts, fail_on)


def _say_policy(detector: "Detector", asked: Policy | None, *, quiet: bool) -> None:
    from fauxto.predict.detector import DEFAULT_POLICY

    card = detector.scorer.card
    said = f"{card.name}: fake at score ≥ {detector.threshold:.3f} (policy {detector.policy}"
    if asked is None and detector.policy != DEFAULT_POLICY:
        said += f", the model's own: it has no threshold for {DEFAULT_POLICY}"
    said += ")"
    if card.unsure_band is not None:
        low, high = card.unsure_band
        said += f", unsure from {low:.3f} to {high:.3f}"
    console.note(f"{said}. Evidence, not proof.", quiet=quiet)


def _print_table(predictions: "Iterable[Prediction]") -> None:
    """Print a row as soon as it is there; never all at once, of which there may be a million."""
    sys.stdout.write("verdict  score  path\n")
    for prediction in predictions:
        remarks = [*prediction.notes]
        if prediction.flips:
            remarks.append(f"another verdict after {', '.join(prediction.flips)}")
        if prediction.explanation:
            remarks.append(prediction.explanation)
        if prediction.provenance and (said := prediction.provenance.summary()):
            remarks.append(f"[the file says: {said}]")
        if prediction.error:
            remarks.append(prediction.error)
        score = "" if prediction.score is None else f"{prediction.score:.3f}"
        line = f"{prediction.verdict or 'error':7}  {score:5}  {prediction.path}"
        sys.stdout.write(console.printable("  ".join([line, *remarks])) + "\n")
        sys.stdout.flush()


def _exit(counts: dict[str, int], fail_on: FailOn | None) -> None:
    """End with 3 for a gate that did not pass, else with 1 if an image could not be read."""
    if counts["error"]:
        console.note(f"{counts['error']:,} of {sum(counts.values()):,} could not be read")
    if fail_on is not None and counts[fail_on]:
        raise typer.Exit(console.EXIT_GATE)
    if counts["error"]:
        raise typer.Exit(console.EXIT_ERROR)
