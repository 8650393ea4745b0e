"""Scores a split with a trained run, or takes another detector's scores, and measures them."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from fauxto.core.artifacts import (
    EVALUATION_DIR,
    METRICS,
    PREDICTIONS,
    STAMP,
    Claim,
    FolderState,
    claim_folder,
    file_digest,
    fingerprint,
    finish_folder,
    read_card,
    read_json,
    require_finished,
    write_json,
    write_text,
)
from fauxto.core.errors import DataError, RecipeError
from fauxto.core.labels import Split
from fauxto.core.progress import Progress, silent
from fauxto.core.records import ModelCard
from fauxto.data.layout import recognise
from fauxto.data.prepared import PreparedDataset, open_dataset
from fauxto.data.table import write_table
from fauxto.evaluate.detector import find_detector, score_listing
from fauxto.evaluate.measure import Subject, measure
from fauxto.evaluate.model_card import MODEL_CARD, write_model_card
from fauxto.evaluate.page import Setting, write_evaluation_page
from fauxto.evaluate.predictions import build_predictions, complete_foreign, read_foreign
from fauxto.evaluate.robustness import measure_robustness, sample_rows
from fauxto.evaluate.scoring import score_images
from fauxto.metrics.summary import Disturbance, Metrics, read_metrics
from fauxto.models.scorer import open_scorer

_ALL_SPLITS: Final = "all"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationResult:
    """An evaluation and the folder it lies in."""

    folder: Path
    metrics: Metrics
    reused: bool
    """The folder already held this result."""


@dataclass(frozen=True)
class Foreign:
    """Scores that fauxto did not make."""

    name: str
    origin: str
    """Where they come from, for the page."""
    threshold: float


def evaluate(  # noqa: PLR0913 - the options of the command
    run: Path,
    *,
    data: Path,
    split: Split = Split.TEST,
    name: str | None = None,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
    robustness: int = 0,
) -> EvaluationResult:
    """Score one split with a run and write predictions, metrics and a page.

    Temperature, threshold and unsure band are the card's; nothing is chosen here.

    Args:
        run: folder written by ``fauxto train``.
        data: folder written by ``fauxto prepare``.
        split: which rows; ``train`` and ``val`` are allowed, and the page says what they mean.
        name: of the folder under ``RUN/evaluation``; default the split's.
        device: where the network runs, as ``cpu`` or ``cuda``.
        workers: threads that decode images.
        overwrite: replace an evaluation of the same name.
        progress: told after each batch.
        robustness: images on which disturbances are tried; 0 tries none.

    Raises:
        ArtifactError: an input is missing or unfinished, or the name is taken.
        DataError: the split has no rows, or none of its images can be read.
        RecipeError: the name cannot be a folder, or images were prepared otherwise
            than those that the run was trained on.
    """
    require_finished(run, "train")
    card, dataset = read_card(run), open_dataset(data)
    _check_preprocess(card, dataset)
    rows = dataset.rows(split).sort("path")
    if rows.is_empty():
        found = ", ".join(sorted({str(value) for value in dataset.images["split"].drop_nulls()}))
        raise DataError(f"{data} has no images in split '{split}' (it has: {found or 'none'})")
    folder = run / EVALUATION_DIR / _check_name(name or str(split))
    run_stamp = read_json(run / STAMP)["fingerprint"]
    arguments = {
        "run": run_stamp,
        "data": dataset.digest,
        "split": str(split),
        "robustness": robustness,
    }
    claim = claim_folder(folder, "evaluate", arguments, overwrite=overwrite)
    if claim.state == FolderState.DONE:
        return _read_result(folder)
    scorer = open_scorer(run, device)
    paths = [dataset.root / path for path in rows["path"]]
    logits = score_images(scorer, paths, workers=workers, progress=progress)
    predictions = build_predictions(rows, logits.values, logits.errors, card)
    disturbed: tuple[Disturbance, ...] = ()
    if robustness:
        sample = sample_rows(predictions.filter(pl.col("score").is_not_null()), robustness, 42)
        disturbed = measure_robustness(
            scorer, sample, dataset.root, workers=workers, progress=progress
        )
    subject = Subject(card.name, str(split), dataset.split_method, card.threshold)
    metrics = measure(predictions, subject, disturbed)
    _write(claim, predictions, metrics, _describe_setting(card, dataset, split))
    evaluations = [metrics, *_read_others(run, folder)]
    write_text(run / MODEL_CARD, write_model_card(card, evaluations))
    finish_folder(claim)
    return EvaluationResult(folder, metrics, reused=False)


def _describe_setting(card: ModelCard, dataset: PreparedDataset, split: Split) -> Setting:
    return Setting(
        image_root=dataset.root,
        band=card.unsure_band,
        threshold_origin=(
            f"Temperature ({card.temperature:.3f}) and threshold (policy '{card.policy}') were "
            "chosen on validation images only."
        ),
        provenance=(
            f"{card.architecture}, {card.parameters:,} weights, preprocessing "
            f"{card.preprocess_hash}; data {dataset.digest[:12]}, split '{split}' "
            f"({dataset.split_method})."
        ),
    )


def _read_others(run: Path, folder: Path) -> list[Metrics]:
    stamps = sorted((run / EVALUATION_DIR).glob(f"*/{STAMP}"))
    others = [stamp for stamp in stamps if stamp.parent != folder]
    return [read_metrics(stamp.parent) for stamp in others if read_json(stamp)["finished"]]


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
        return _read_result(out)
    return _measure_foreign(
        claim, predictions, Foreign(table.stem, table.name, threshold), table.parent
    )


def evaluate_detector(
    detector: str,
    *,
    data: Path,
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
    function, listing = find_detector(detector), recognise(data)
    files = [[f.path, f.label, f.split] for f in listing.files if split in (None, f.split)]
    if not files:
        raise DataError(f"{data} has no images in split '{split}'")
    arguments = {"detector": detector, "files": files, "threshold": float(threshold)}
    claim = claim_folder(
        out, "evaluate", {"call": fingerprint("detector", arguments)}, overwrite=overwrite
    )
    if claim.state == FolderState.DONE:
        return _read_result(out)
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
        image_root=root,
        band=None,
        threshold_origin="It was given, not fitted.",
        provenance=f"Scores of another detector: {foreign.origin}.",
    )
    _write(claim, predictions, metrics, setting)
    finish_folder(claim)
    return EvaluationResult(claim.folder, metrics, reused=False)


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise RecipeError(f"threshold {threshold} is not in [0, 1]")


def _write(claim: Claim, predictions: pl.DataFrame, metrics: Metrics, setting: Setting) -> None:
    write_table(claim.folder / PREDICTIONS, predictions)
    write_json(claim.folder / METRICS, metrics.model_dump(mode="json"))
    write_evaluation_page(claim.folder, predictions, metrics, setting)
    logger.info("evaluated", extra={"run": metrics.run, "n": metrics.n, "errors": metrics.n_errors})


def _read_result(folder: Path) -> EvaluationResult:
    return EvaluationResult(folder, read_metrics(folder), reused=True)


def _check_name(name: str) -> str:
    if name != Path(name).name or name in {".", ".."}:
        raise RecipeError(f"--name {name!r} is not the name of a folder")
    return name


def _check_preprocess(card: ModelCard, dataset: PreparedDataset) -> None:
    # Mean and standard deviation are the network's own; the pictures know only their geometry.
    wanted, found = (
        f"--size {p.size_px} --fit {p.fit} --resample {p.resample}"
        for p in (card.preprocess, dataset.preprocess)
    )
    if wanted != found:
        raise RecipeError(
            f"the run was trained on images prepared with {wanted}, but {dataset.root} was "
            f"prepared with {found}: prepare the data as the run expects"
        )
