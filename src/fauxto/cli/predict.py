"""``fauxto predict``."""

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fauxto.cli import console
from fauxto.cli.options import (
    DEFAULT_WORKERS,
    Address,
    Debug,
    Device,
    EngineOption,
    Overwrite,
    Quiet,
    Workers,
)
from fauxto.core.choices import PART_ROWS, EngineName, Policy

if TYPE_CHECKING:
    from fauxto.core.records import Prediction
    from fauxto.predict.detector import Detector


NOT_WRITTEN = (".xlsx", ".xls", ".ods", ".tsv", ".txt", ".json", ".html", ".pdf", ".md")
"""Endings of files that somebody may expect, and not a folder of such a name."""


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
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="Write a .jsonl, .csv or .parquet file, or a folder (s3://… too) in parts.",
        ),
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
    engine: EngineOption = EngineName.LOCAL,
    address: Address = None,
    part_rows: Annotated[
        int, typer.Option("--part-rows", min=1, help="Images of a part, where --out is a folder.")
    ] = PART_ROWS,
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
    from fauxto.predict.writing import OUT_SUFFIXES, check_out, save, write_csv, write_json_lines

    anchors = None if trust is None else read_trust_anchors(trust)
    file = None if out is None else Path(out)
    folder = _name_folder(paths, out, engine, OUT_SUFFIXES, explain)
    if folder is not None:
        counts = _predict_in_parts(
            paths,
            folder,
            quiet=quiet,
            model=model,
            policy=policy,
            stability=stability,
            trust_anchors=anchors,
            device=device,
            engine=(engine, workers, address),
            part_rows=part_rows,
            overwrite=overwrite,
        )
        _exit(counts, fail_on)
        return
    if file is not None:
        check_out(file, inputs=paths, overwrite=overwrite)
    detector = Detector.load(model, policy=policy, device=device)
    as_table = sys.stdout.isatty() and not (as_json or as_csv or out)
    _say_policy(detector, policy, explained=as_table, quiet=quiet)
    counts = dict.fromkeys(("fake", "real", "unsure", "error"), 0)
    rows_are_seen = out is None and sys.stdout.isatty()  # a bar would stand among them
    with console.progress_bars(quiet=quiet or rows_are_seen or not sys.stderr.isatty()) as progress:

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

        if file is not None:
            save(counted(), file)
        elif as_csv:
            write_csv(counted(), sys.stdout)
        elif as_table:
            _print_table(counted())
        else:
            write_json_lines(counted(), sys.stdout)
    if file is not None or as_table:
        _sum_up(str(file) if file else "", counts, quiet=quiet)
    _exit(counts, fail_on)


def _sum_up(where: str, counts: dict[str, int], *, quiet: bool) -> None:
    total = sum(counts.values())
    found = ", ".join(f"{n:,} {kind}" for kind, n in counts.items() if n)
    said = f"{total:,} picture{'s' * (total != 1)}: {found}"
    console.note(f"{where}: {said}" if where else said, quiet=quiet)


def _name_folder(
    paths: list[str],
    out: str | None,
    engine: EngineName,
    suffixes: tuple[str, ...],
    explain: Path | None,
) -> str | None:
    """Return the folder of parts that is to be written; None where a file or stdout is."""
    if engine is EngineName.RAY and out is None:
        raise typer.BadParameter("--engine ray writes a folder of parts: name it with --out")
    if out is None or (
        engine is EngineName.LOCAL and "://" not in out and Path(out).suffix.lower() in suffixes
    ):
        far = next((path for path in paths if "://" in path), None)
        if far is not None:
            raise typer.BadParameter(
                f"{far} is an address, not a file here: save the picture and name the file, or "
                "name a folder for the verdicts with --out"
            )
        return None
    if "://" not in out and Path(out).suffix.lower() in NOT_WRITTEN:
        raise typer.BadParameter(
            f"{Path(out).suffix} is not written: --out takes a file that ends in "
            f"{', '.join(suffixes)}, or a folder"
        )
    if explain is not None:
        raise typer.BadParameter("--explain goes with a file, not with a folder of parts")
    return out


def _predict_in_parts(
    paths: list[str],
    out: str,
    *,
    quiet: bool,
    engine: tuple[EngineName, int, str | None],
    **options: Any,  # noqa: ANN401 - those of predict_in_parts
) -> dict[str, int]:
    """Write a folder of parts and return how many verdicts of each kind it holds."""
    from fauxto.core.extras import find_missing_extra

    try:
        from fauxto.engine.part import Engine
        from fauxto.predict.in_parts import count_verdicts, predict_in_parts
    except ModuleNotFoundError as error:
        raise find_missing_extra(error, "a folder of parts", "predict") or error from error
    with console.progress_bars(quiet=quiet or not sys.stderr.isatty()) as progress:
        plan = predict_in_parts(
            paths, out=out, engine=Engine(*engine), progress=progress, **options
        )
    counts = count_verdicts(plan)
    _sum_up(out, counts, quiet=quiet)
    return counts


def _say_policy(
    detector: "Detector", asked: Policy | None, *, explained: bool, quiet: bool
) -> None:
    from fauxto.metrics.threshold import unsure_between
    from fauxto.predict.detector import DEFAULT_POLICY

    card = detector.scorer.card
    rule = f"policy {detector.policy}"
    if asked is None and detector.policy != DEFAULT_POLICY:
        rule += f", the model's own: it has no threshold for {DEFAULT_POLICY}"
    band = unsure_between(detector.threshold, card.unsure_band)
    if band is None:
        said = f"fake from score {detector.threshold:.3f}, else real"
    else:
        said = f"fake above score {band[1]:.3f}, real below {band[0]:.3f}, unsure between"
    console.note(f"{card.name}: {said} ({rule}). Evidence, not proof.", quiet=quiet)
    if explained:
        console.note(
            "The score is the chance of fake among pictures like those of its validation; --json "
            "tells all that is known of each.",
            quiet=quiet,
        )


def _print_table(predictions: "Iterable[Prediction]") -> None:
    """Print a row as soon as it is there; never all at once, of which there may be a million."""
    sys.stdout.write("verdict  score  path\n")
    for prediction in predictions:
        remarks = [*prediction.notes]
        if prediction.flips:
            remarks.append(f"another verdict after {', '.join(prediction.flips)}")
        elif prediction.flips is not None:
            remarks.append("stable")
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
