"""Scores a split with a trained run, or takes another detector's scores, and measures them."""

from pathlib import Path
from typing import Any

import polars as pl

from fauxto.core.artifacts import (
    EVALUATION_DIR,
    STAMP,
    FolderState,
    claim_folder,
    file_digest,
    finish_folder,
    read_card,
    read_json,
    require_finished,
    write_text,
)
from fauxto.core.choices import DEFAULT_COST_RATIO, Policy
from fauxto.core.errors import DataError, RecipeError
from fauxto.core.labels import Split
from fauxto.core.progress import Progress, silent
from fauxto.core.records import ModelCard
from fauxto.core.storage import Address
from fauxto.data.prepared import PreparedDataset, open_dataset
from fauxto.evaluate.controls import measure_controls
from fauxto.evaluate.foreign import evaluate_detector, evaluate_predictions
from fauxto.evaluate.measure import Subject, measure
from fauxto.evaluate.model_card import MODEL_CARD, write_model_card
from fauxto.evaluate.operating import choose_again
from fauxto.evaluate.page import Setting
from fauxto.evaluate.predictions import build_predictions, with_columns_of, with_original_facts
from fauxto.evaluate.result import EvaluationResult, read_result, write_result
from fauxto.evaluate.robustness import measure_robustness, sample_rows
from fauxto.evaluate.scoring import score_images
from fauxto.metrics.parts import Control
from fauxto.metrics.summary import Disturbance, Metrics, read_metrics
from fauxto.metrics.threshold import UNSURE_ERROR_RATE, unsure_between
from fauxto.models.scorer import open_scorer

__all__ = ["EvaluationResult", "evaluate", "evaluate_detector", "evaluate_predictions"]


def evaluate(  # noqa: PLR0913 - the options of the command
    run: Path,
    *,
    data: Address,
    split: Split = Split.TEST,
    name: str | None = None,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
    robustness: int = 0,
    policy: Policy | None = None,
    cost_ratio: float = DEFAULT_COST_RATIO,
    columns: Path | None = None,
    shortcuts: bool = True,
) -> EvaluationResult:
    """Score one split with a run and write predictions, metrics and a page.

    Temperature, threshold and unsure band are the card's; with a policy, the threshold is chosen
    again from the run's validation rows. Nothing is ever chosen on the split itself.

    Args:
        run: folder written by ``fauxto train``.
        data: folder or URL written by ``fauxto prepare``.
        split: which rows; ``train`` and ``val`` are allowed, and the page says what they mean.
        name: of the folder under ``RUN/evaluation``; default the split's.
        device: where the network runs, as ``cpu`` or ``cuda``.
        workers: threads that decode images.
        overwrite: replace an evaluation of the same name.
        progress: told after each batch.
        robustness: images on which disturbances are tried; 0 tries none.
        policy: rule that chooses the threshold again on the run's validation rows; default the
            card's threshold. The folder is then named after both, such as ``test-fpr-1``.
        cost_ratio: what a missed fake costs, in false alarms; for the policy ``cost``.
        columns: CSV or Parquet with ``path`` of the original files and further columns, by which
            slices are told too.
        shortcuts: also fit baselines that cannot see the picture, and score with them.

    Raises:
        ArtifactError: an input is missing or unfinished, or the name is taken.
        DataError: the split has no rows, or none of its images can be read.
        RecipeError: the name cannot be a folder, images were prepared otherwise than those
            that the run was trained on, or validation is too small for the policy.
    """
    require_finished(run, "train")
    card, dataset = read_card(run), open_dataset(data)
    _check_preprocess(card, dataset)
    if policy is not None:
        card = choose_again(run, card, policy, cost_ratio)
    rows = dataset.rows(split).sort("path")
    if rows.is_empty():
        found = ", ".join(sorted({str(value) for value in dataset.images["split"].drop_nulls()}))
        raise DataError(f"{data} has no images in split '{split}' (it has: {found or 'none'})")
    rows, more = with_columns_of(rows, columns) if columns else (rows, ())
    folder = run / EVALUATION_DIR / _check_name(name or _default_name(split, policy))
    arguments: dict[str, Any] = {
        "run": read_json(run / STAMP)["fingerprint"],
        "data": dataset.digest,
        "split": str(split),
        "robustness": robustness,
    }
    # Named only where given, so that evaluations made before they could be stay valid.
    arguments |= {"threshold": card.threshold} if policy else {}
    arguments |= {"columns": file_digest(columns)} if columns else {}
    arguments |= {} if shortcuts else {"shortcuts": False}
    claim = claim_folder(folder, "evaluate", arguments, overwrite=overwrite)
    if claim.state == FolderState.DONE:
        return read_result(folder)
    scorer = open_scorer(run, device)
    pictures = dataset.locate(rows["path"])
    logits = score_images(scorer, pictures, workers=workers, progress=progress)
    images = with_original_facts(rows, dataset.originals())
    predictions = build_predictions(images, logits.values, logits.errors, card, more=more)
    scored = predictions.filter(pl.col("score").is_not_null())
    disturbed: tuple[Disturbance, ...] = ()
    if robustness:
        disturbed = measure_robustness(
            scorer,
            sample_rows(scored, robustness),
            dataset.locate,
            threshold=card.threshold,
            workers=workers,
            progress=progress,
        )
    controls: tuple[Control, ...] = ()
    if shortcuts and split is not Split.TRAIN:
        controls = measure_controls(
            dataset, scored, card.threshold, workers=workers, trained_on=card.data
        )
    subject = Subject(
        card.name, str(split), dataset.split_method, card.threshold, str(card.policy), card.data
    )
    metrics = measure(predictions, subject, robustness=disturbed, controls=controls)
    write_result(claim, predictions, metrics, _describe_setting(card, dataset, split))
    evaluations = [metrics, *_read_others(run, folder)]
    write_text(run / MODEL_CARD, write_model_card(read_card(run), evaluations))
    finish_folder(claim)
    return EvaluationResult(folder, metrics, reused=False)


def _default_name(split: Split, policy: Policy | None) -> str:
    return f"{split}-{policy}".replace("%", "") if policy else str(split)


def _describe_setting(card: ModelCard, dataset: PreparedDataset, split: Split) -> Setting:
    return Setting(
        find=dataset.locate,
        band=unsure_between(card.threshold, card.unsure_band),
        threshold_origin=(
            f"Temperature ({card.temperature:.3f}) and threshold (policy '{card.policy}') were "
            f"chosen on validation images only. {_describe_band(card)}"
        ),
        provenance=(
            f"{card.architecture}, {card.parameters:,} weights, preprocessing "
            f"{card.preprocess_hash}; data {dataset.digest[:12]}, split '{split}' "
            f"({dataset.split_method})."
        ),
    )


def _describe_band(card: ModelCard) -> str:
    if card.unsure_band is None:
        return "Validation had too few images for an unsure band."
    low, high = card.unsure_band
    return (
        f"The unsure band, {low:.3f} to {high:.3f}, was fitted there for an error rate of "
        f"{UNSURE_ERROR_RATE:.0%}: of images like those of validation, no more reals lie above it "
        "and no more fakes below."
    )


def _read_others(run: Path, folder: Path) -> list[Metrics]:
    stamps = sorted((run / EVALUATION_DIR).glob(f"*/{STAMP}"))
    others = [stamp for stamp in stamps if stamp.parent != folder]
    return [read_metrics(stamp.parent) for stamp in others if read_json(stamp)["finished"]]


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
