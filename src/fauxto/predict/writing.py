"""Predictions as text and tables, written row by row."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from fauxto.core.errors import ArtifactError, MissingExtra
from fauxto.core.records import Prediction
from fauxto.core.storage import atomic_path

Cell = str | float | None

COLUMNS: Final = (
    "path", "verdict", "score", "threshold", "policy", "unsure_low", "unsure_high", "model",
    "preprocess_hash", "flips", "provenance", "notes", "explanation", "error",
)  # fmt: skip
"""Columns of a table of predictions; missing is empty in CSV, null in Parquet."""

_JOIN: Final = "; "


def flatten(prediction: Prediction) -> dict[str, Cell]:
    """Return a prediction as one row of ``COLUMNS``; characters that UTF-8 lacks are escaped."""
    low, high = prediction.unsure_band or (None, None)
    row: dict[str, Cell] = {
        "path": prediction.path,
        "verdict": prediction.verdict,
        "score": prediction.score,
        "threshold": prediction.threshold,
        "policy": prediction.policy,
        "unsure_low": low,
        "unsure_high": high,
        "model": prediction.model,
        "preprocess_hash": prediction.preprocess_hash,
        "flips": None if prediction.flips is None else _JOIN.join(prediction.flips),
        "provenance": (prediction.provenance and prediction.provenance.summary()) or None,
        "notes": _JOIN.join(prediction.notes) or None,
        "explanation": prediction.explanation,
        "error": prediction.error,
    }
    return {name: _clean(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def write_json_lines(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Write one JSON object a line, each as soon as it is there."""
    for prediction in predictions:
        stream.write(json.dumps(prediction.model_dump(mode="json")) + "\n")
        stream.flush()


def write_csv(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Write a CSV table with a heading."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for prediction in predictions:
        row = flatten(prediction)
        writer.writerow(["" if row[name] is None else row[name] for name in COLUMNS])


def _write_parquet(predictions: Iterable[Prediction], out: Path) -> None:
    try:
        # Parquet needs polars, which the light install lacks.
        from fauxto.predict.parquet import write_parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra(f"writing {out}", "audit") from error
    write_parquet(out, COLUMNS, map(flatten, predictions))


_WRITERS: Final[Mapping[str, Callable[[Iterable[Prediction], TextIO], None]]] = {
    ".jsonl": write_json_lines,
    ".ndjson": write_json_lines,
    ".csv": write_csv,
}

OUT_SUFFIXES: Final = (*_WRITERS, ".parquet")
"""Endings of files that ``save`` writes."""


_BEGINNINGS: Final = {
    ".jsonl": b'{"path"',
    ".ndjson": b'{"path"',
    ".csv": b"path,verdict,",
    ".parquet": b"PAR1",
}
"""First bytes of what ``save`` writes."""


def check_out(out: Path, *, inputs: Sequence[str] = (), overwrite: bool) -> None:
    """Refuse a file that cannot or must not be written, before any work.

    Args:
        out: file to write.
        inputs: what is read.
        overwrite: replace an earlier table of predictions.

    Raises:
        ArtifactError: its ending names no format, it is read too, or it exists and ``overwrite``
            is not set, or it does not begin like a table of predictions.
    """
    if out.suffix.lower() not in OUT_SUFFIXES:
        raise ArtifactError(f"the file to write must end in {', '.join(OUT_SUFFIXES)}: {out.name}")
    if not os.path.lexists(out):
        return
    if not overwrite:
        raise ArtifactError(f"{out} exists: choose another name, or --overwrite to replace it")
    if out.resolve() in {Path(one).resolve() for one in inputs if one != "-"}:
        raise ArtifactError(f"{out} is read by this command: choose another --out")
    beginning = _BEGINNINGS[out.suffix.lower()]
    try:
        with out.open("rb") as stream:
            head = stream.read(len(beginning))
    except OSError as error:
        raise ArtifactError(f"{out} cannot be replaced: {error.strerror}") from error
    if head and head != beginning:
        raise ArtifactError(
            f"{out} is no table of predictions that fauxto wrote, and is not replaced: choose "
            "another --out"
        )


def save(predictions: Iterable[Prediction], out: Path) -> None:
    """Write a table atomically, in the format of the file's ending.

    Args:
        predictions: taken one by one.
        out: file ending in one of ``OUT_SUFFIXES``.

    Raises:
        ArtifactError: the file cannot be written.
        MissingExtra: Parquet was asked for and what writes it is not installed.
    """
    if out.suffix.lower() == ".parquet":
        _write_parquet(predictions, out)
        return
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        _WRITERS[out.suffix.lower()](predictions, stream)
