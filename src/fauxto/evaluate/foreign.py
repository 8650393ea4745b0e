"""Scores that fauxto did not make: from a table, or from any Python function."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from fauxto.core.artifacts import (
    Claim,
    FolderState,
    claim_folder,
    file_digest,
    fingerprint,
    finish_folder,
)
from fauxto.core.errors import DataError, RecipeError
from fauxto.core.labels import Split
from fauxto.core.progress import Progress, silent
from fauxto.core.storage import Address
from fauxto.data.labelled import is_plain
from fauxto.data.layout import recognise
from fauxto.data.stored import StoredImage
from fauxto.evaluate.detector import find_detector, score_listing
from fauxto.evaluate.measure import Subject, measure
from fauxto.evaluate.page import Setting
from fauxto.evaluate.predictions import complete_foreign, read_foreign
from fauxto.evaluate.result import EvaluationResult, read_result, write_result

_ALL_SPLITS: Final = "all"


@dataclass(frozen=True)
class Foreign:
    """Scores that fauxto did not make."""

    name: str
    origin: str
    """Where they come from, for the page."""
    threshold: float


def evaluate_predictions(
    table: Path, *, out: Path, threshold: float = 0.5, overwrite: bool = False
) -> EvaluationResult:
    """Measure any detector's scores and write predictions, metrics and a page.

    Args:
        table: CSV or Parquet with at least ``path,label,score``; see ``read_foreign``.
        out: folder to write.
        threshold: score at or above which the verdict is fake.
        overwrite: replace an earlier result in ``out``.

    Raises:
        DataError: the table cannot be understood.
        RecipeError: the threshold is not in [0, 1].
        ArtifactError: ``out`` is in the way.
    """
    _check_threshold(threshold)
    predictions = read_foreign(table, threshold)
    arguments = {"table": file_digest(table), "threshold": float(threshold), "name": table.stem}
    claim = claim_folder(out, "evaluate", arguments, overwrite=overwrite)
    if claim.state == FolderState.DONE:
        return read_result(out)
    return _measure_foreign(
        claim, predictions, Foreign(table.stem, table.name, threshold), table.parent
    )


def evaluate_detector(
    detector: str,
    *,
    data: Address,
    out: Path,
    split: Split | None = None,
    threshold: float = 0.5,
    overwrite: bool = False,
    progress: Progress = silent,
) -> EvaluationResult:
    """Score images with any Python function and measure the scores.

    Args:
        detector: ``module:function``; the function takes the path of an image and returns its
            score in [0, 1], 1 is fake. An image on which it fails counts as an error.
        data: folder or table of images, in any layout that ``fauxto audit`` takes.
        out: folder to write.
        split: only images of this split; None takes all.
        threshold: score at or above which the verdict is fake.
        overwrite: replace an earlier result in ``out``.
        progress: told after each image.

    Raises:
        RecipeError: there is no such function, or the threshold is not in [0, 1].
        DataError: the images cannot be understood, or the split has none.
        ArtifactError: ``out`` is in the way.
    """
    _check_threshold(threshold)
    function = find_detector(detector)
    if not is_plain(str(data)):
        raise DataError(
            f"--detector calls a function with the path of a file, and the pictures of {data} have "
            "none here: they lie in shards or at a URL; name a folder of pictures"
        )
    listing = recognise(Path(data))
    files = [[f.path, f.label, f.split] for f in listing.files if split in (None, f.split)]
    if not files:
        raise DataError(f"{data} has no images in split '{split}'")
    arguments = {"detector": detector, "files": files, "threshold": float(threshold)}
    claim = claim_folder(
        out, "evaluate", {"call": fingerprint("detector", arguments)}, overwrite=overwrite
    )
    if claim.state == FolderState.DONE:
        return read_result(out)
    scores = score_listing(function, listing, split, progress)
    predictions = complete_foreign(scores, threshold, where=detector)
    return _measure_foreign(
        claim, predictions, Foreign(detector, detector, threshold), listing.root
    )


def _measure_foreign(
    claim: Claim, predictions: pl.DataFrame, foreign: Foreign, root: Path
) -> EvaluationResult:
    splits = sorted({value for value in predictions["split"] if value is not None})
    split = splits[0] if len(splits) == 1 else _ALL_SPLITS
    metrics = measure(
        predictions, Subject(foreign.name, split, "unknown", float(foreign.threshold))
    )
    setting = Setting(
        find=lambda paths: [StoredImage(path, str(root / path)) for path in paths],
        band=None,
        threshold_origin="It was given, not fitted.",
        provenance=f"Scores of another detector: {foreign.origin}.",
    )
    write_result(claim, predictions, metrics, setting)
    finish_folder(claim)
    return EvaluationResult(claim.folder, metrics, reused=False)


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise RecipeError(f"threshold {threshold} is not in [0, 1]")
