"""The verb: fine-tune a network, keep its best state, fit its threshold on validation."""

import io
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, Literal

import numpy as np
import polars as pl
import torch
from jaxtyping import Float32
from lightning_fabric import Fabric
from torch import nn

from fauxto.core.artifacts import (
    CARD,
    CURVES,
    HISTORY,
    RECIPE,
    WEIGHTS,
    FolderState,
    claim_folder,
    file_digest,
    finish_folder,
    read_card,
    write_json,
    write_text,
)
from fauxto.core.choices import DEFAULT_COST_RATIO
from fauxto.core.errors import FauxtoError
from fauxto.core.labels import Label, Split
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import Precision, Recipe, recipe_to_toml
from fauxto.core.records import ModelCard
from fauxto.data.prepared import PreparedDataset, open_dataset
from fauxto.data.table import PREDICTION_SCHEMA, write_table
from fauxto.loading.epochs import LabelledImages, iterate_plain
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.labels import require_both_classes
from fauxto.metrics.threshold import require_enough, verdicts
from fauxto.models.allocator import keep_freed_memory
from fauxto.models.build import build_network, choose_device, find_spec
from fauxto.models.checkpoint import save_timm_config, save_weights
from fauxto.models.specs import Kind, Library
from fauxto.models.weights import load_weights
from fauxto.report.train_figures import training_curves_file
from fauxto.train.card import Trained, make_card
from fauxto.train.fit import FitData, fit
from fauxto.train.history import EpochResult, to_csv

CHECKPOINTS: Final = "checkpoints"
VALIDATION: Final = "validation.parquet"

_PRECISIONS: Final[dict[Precision, Literal["32-true", "bf16-mixed"]]] = {
    Precision.FP32: "32-true",
    Precision.BF16: "bf16-mixed",
}


@dataclass(frozen=True)
class TrainResult:
    """A trained network.

    Attributes:
        out: its run folder.
        card: its card.
        reused: whether the same run was there already, finished.
    """

    out: Path
    card: ModelCard
    reused: bool


def train(
    dataset: Path,
    *,
    recipe: Recipe,
    out: Path,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
) -> TrainResult:
    """Train a network; an interrupted run goes on after its last finished epoch.

    Args:
        dataset: folder written by ``fauxto prepare``.
        recipe: network and training.
        out: run folder to write.
        device: where the network computes; ``auto`` takes a GPU if there is one.
        workers: threads that decode images.
        overwrite: replace an earlier run.
        progress: told after each batch.

    Raises:
        ArtifactError: the data set is unfinished, or ``out`` is in the way or cannot be written.
        RecipeError: the recipe does not fit the data, the network or the machine.
        WeightsError: the weights to start from cannot be had or do not fit.
        DataError: a prepared picture cannot be read any more.
        FauxtoError: the loss is not a number.
    """
    data = open_dataset(dataset)
    spec = find_spec(recipe.model.name)
    preprocess = data.preprocess.model_copy(
        update={"mean": recipe.model.mean or spec.mean, "std": recipe.model.std or spec.std}
    )
    fit_data = FitData(
        train=_list_images(data, Split.TRAIN),
        val=_list_images(data, Split.VAL),
        preprocess=preprocess,
        workers=workers,
    )
    chosen = choose_device(device)
    _check_labels(fit_data, recipe)
    arguments = {
        "dataset": data.digest,
        "recipe": _name_recipe(recipe),
        "weights": _digest_weights(recipe.model.weights),
    }
    claim = claim_folder(out, "train", arguments, overwrite=overwrite)
    if claim.state is FolderState.DONE:
        return TrainResult(out, read_card(out), reused=True)
    write_text(out / RECIPE, recipe_to_toml(recipe))
    keep_freed_memory()
    with _deterministic(recipe.train.seed):
        try:
            module = build_network(spec, size_px=preprocess.size_px)
            origin = load_weights(module, spec, recipe.model.weights)
        except FauxtoError:
            if claim.state is FolderState.NEW:  # nothing to resume: leave the name free
                rmtree(out)
            raise
        if spec.kind is Kind.CNN:  # 1.1 to 1.4 times as fast on a CPU, more on a GPU
            module = module.to(memory_format=torch.channels_last)
        fabric = Fabric(
            accelerator=chosen.type,
            devices=[chosen.index] if chosen.index is not None else 1,
            precision=_PRECISIONS[recipe.train.precision],
        )
        fitted = fit(
            module,
            spec,
            fit_data,
            recipe,
            fabric,
            folder=out / CHECKPOINTS,
            on_epoch=lambda history: _write_history(out, history),
            progress=progress,
        )
        module.load_state_dict(fitted.state)
        logits = _score_validation(module, fit_data, recipe.train.batch_size, fabric.device)
    save_weights(out, fitted.state)
    if spec.library is Library.TIMM:
        save_timm_config(out, spec, preprocess)
    trained = Trained(out.name, spec, recipe, preprocess, fitted, origin, str(fabric.device))
    card = make_card(trained, data.summary(), logits, fit_data.val.labels)
    write_table(out / VALIDATION, _tabulate_validation(data.rows(Split.VAL), card, logits))
    write_json(out / CARD, card.model_dump(mode="json", exclude={"schema_version"}))
    rmtree(out / CHECKPOINTS, ignore_errors=True)
    finish_folder(claim)
    return TrainResult(out, card, reused=False)


def _check_labels(data: FitData, recipe: Recipe) -> None:
    """Refuse before training what could only fail after it."""
    require_both_classes(data.train.labels, what="training")
    require_both_classes(data.val.labels, what="choosing a threshold on validation")
    require_enough(data.val.labels, recipe.train.policy, recipe.train.cost_ratio)


def _name_recipe(recipe: Recipe) -> dict[str, Any]:
    # Left out at its default, so that runs made before it could be set stay valid.
    usual = recipe.train.cost_ratio == DEFAULT_COST_RATIO
    return recipe.model_dump(mode="json", exclude={"train": {"cost_ratio"}} if usual else None)


def _digest_weights(weights: str) -> str:
    """Return what identifies the weights asked for: their content, if they lie in a file."""
    path = Path(weights)
    path = path / WEIGHTS if path.is_dir() else path
    return file_digest(path) if weights not in ("default", "none") and path.is_file() else weights


def _list_images(data: PreparedDataset, split: Split) -> LabelledImages:
    rows = data.rows(split)
    labels = [Label(label).number for label in rows["label"]]
    return LabelledImages(
        tuple(data.root / path for path in rows["path"]), np.array(labels, np.int64)
    )


@contextmanager
def _deterministic(seed: int) -> Iterator[None]:
    """Seed everything random and ask for deterministic algorithms, as long as it is needed."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third-party code may use the global generator
    torch.manual_seed(seed)
    before = torch.are_deterministic_algorithms_enabled()
    warned_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    filled = torch.utils.deterministic.fill_uninitialized_memory
    # Some networks of timm use operations that CUDA has in no deterministic form: those warn.
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.utils.deterministic.fill_uninitialized_memory = False  # a third of the time on a CPU
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned_only)
        torch.backends.cudnn.benchmark = benchmark
        torch.utils.deterministic.fill_uninitialized_memory = filled


def _write_history(out: Path, history: list[EpochResult]) -> None:
    text = to_csv(history)
    write_text(out / HISTORY, text)
    write_text(out / CURVES, training_curves_file(pl.read_csv(io.StringIO(text))))


def _score_validation(
    module: nn.Module, data: FitData, batch_size: int, device: torch.device
) -> Float32[np.ndarray, "n 2"]:
    module.eval()
    batches = iterate_plain(data.val, data.preprocess, batch_size=batch_size, workers=data.workers)
    with torch.inference_mode():
        logits = [
            module(torch.from_numpy(batch.inputs).to(device)).float().cpu().numpy()
            for batch in batches
        ]
    return np.concatenate(logits)


def _tabulate_validation(
    rows: pl.DataFrame, card: ModelCard, logits: Float32[np.ndarray, "n 2"]
) -> pl.DataFrame:
    scores = fake_score(logits, card.temperature)
    said = verdicts(scores, card.threshold, card.unsure_band)
    return rows.with_columns(
        logit_real=pl.Series(logits[:, 0].astype(np.float64)),
        logit_fake=pl.Series(logits[:, 1].astype(np.float64)),
        score=pl.Series(scores),
        verdict=pl.Series([str(verdict) for verdict in said], dtype=pl.String),
    ).select(*PREDICTION_SCHEMA, "group", "sha256")
