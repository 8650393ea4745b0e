"""The verb: fine-tune a network, keep its best state, fit its threshold on validation."""

import io
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Final

import numpy as np
import polars as pl
import torch
from jaxtyping import Float32
from lightning_fabric import Fabric
from torch import nn

from fauxto.core.artifacts import (
    CARD,
    CONTINUED,
    CURVES,
    HISTORY,
    RECIPE,
    STAMP,
    VALIDATION,
    Claim,
    FolderState,
    claim_folder,
    finish_folder,
    read_card,
    write_json,
    write_text,
)
from fauxto.core.choices import LoggerName
from fauxto.core.errors import ArtifactError, FauxtoError
from fauxto.core.labels import Split
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import Recipe, recipe_to_toml
from fauxto.core.records import ModelCard
from fauxto.core.storage import Address
from fauxto.data.table import PREDICTION_SCHEMA, write_table
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.threshold import verdicts
from fauxto.models.allocator import keep_freed_memory
from fauxto.models.build import build_network, synchronise_batch_norm
from fauxto.models.checkpoint import save_timm_config, save_weights
from fauxto.models.specs import Kind, Library
from fauxto.models.weights import load_weights
from fauxto.report.train_figures import training_curves_file
from fauxto.train.card import Trained, make_card
from fauxto.train.continued import Before, compare_with_before, score_before
from fauxto.train.determinism import deterministic
from fauxto.train.devices import leave_at_exit, open_fabric
from fauxto.train.fit import fit
from fauxto.train.history import EpochResult, to_csv
from fauxto.train.loggers import EpochLogger, open_logger
from fauxto.train.plan import Plan, make_plan
from fauxto.train.validation import score_validation

CHECKPOINTS: Final = "checkpoints"


@dataclass(frozen=True)
class TrainResult(Shown):
    """A trained network.

    Attributes:
        out: its run folder.
        card: its card.
        reused: whether the same run was there already, finished.
        rank: number of this process among those that trained together; 0 alone wrote.
    """

    out: Path
    card: ModelCard
    reused: bool
    rank: int = 0


def train(  # noqa: PLR0913 - the verb's flags
    dataset: Address,
    *,
    recipe: Recipe,
    out: Path,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    resume: bool = False,
    logger: LoggerName = LoggerName.NONE,
    progress: Progress = silent,
) -> TrainResult:
    """Train a network; an interrupted run goes on after its last finished epoch.

    Args:
        dataset: folder or URL written by ``fauxto prepare``.
        recipe: network and training.
        out: run folder to write.
        device: where the network computes; ``auto`` takes a GPU if there is one.
        workers: threads that decode images, in each process.
        overwrite: replace an earlier run.
        resume: refuse to begin: only go on with an interrupted run.
        logger: where each epoch's numbers go besides ``history.csv``.
        progress: told after each batch.

    Raises:
        ArtifactError: the data set is unfinished, ``out`` is in the way or cannot be written, or
            there is nothing to resume.
        RecipeError: the recipe does not fit the data, the network or the machine.
        WeightsError: the weights to start from cannot be had or do not fit.
        MissingExtra: the logger is not installed.
        DataError: a prepared picture cannot be read any more.
        FauxtoError: the loss is not a number.
    """
    plan = make_plan(dataset, recipe, workers=workers)
    if resume and not (out / STAMP).is_file():
        raise ArtifactError(f"there is no interrupted run in {out}: leave out --resume to begin")
    fabric = open_fabric(device, recipe.train)
    # Rank 0 alone touches the run folder; the others learn what it found.
    claim = _claim(plan, out, overwrite=overwrite) if fabric.is_global_zero else None
    done = claim is not None and claim.state is FolderState.DONE
    known: ModelCard | None = fabric.broadcast(read_card(out) if done else None)
    if known is not None:
        leave_at_exit(fabric)
        return TrainResult(out, known, reused=True, rank=fabric.global_rank)
    keep_freed_memory()
    with deterministic(recipe.train.seed), ExitStack() as stack:
        try:
            log = stack.enter_context(
                open_logger(logger if claim else LoggerName.NONE, out, recipe)
            )
            module, origin = _build(plan, fabric)
            before = score_before(
                recipe.model.weights, plan.images, recipe.train.batch_size, fabric
            )
        except FauxtoError:
            if claim is not None and claim.state is FolderState.NEW:  # leave the name free
                rmtree(out)
            raise
        fitted = fit(
            module,
            plan.spec,
            plan.images,
            recipe,
            fabric,
            folder=out / CHECKPOINTS,
            on_epoch=Recorder(out, log) if claim else _record_nowhere,
            progress=progress if claim else silent,
        )
        module.load_state_dict(fitted.state)
        logits = score_validation(module, plan.images, recipe.train.batch_size, fabric)
    card = None
    if claim is not None:
        trained = Trained(
            out.name, plan.spec, recipe, plan.images.preprocess, fitted, origin, str(fabric.device)
        )
        card = write_run(claim, plan, trained, logits, before=before)
    card = fabric.broadcast(card)
    leave_at_exit(fabric)
    return TrainResult(out, card, reused=False, rank=fabric.global_rank)


def _claim(plan: Plan, out: Path, *, overwrite: bool) -> Claim:
    claim = claim_folder(out, "train", plan.arguments, overwrite=overwrite, inputs=plan.inputs)
    if claim.state is not FolderState.DONE:
        write_text(out / RECIPE, recipe_to_toml(plan.recipe))
    return claim


def _build(plan: Plan, fabric: Fabric) -> tuple[nn.Module, str]:
    """Return the network as training begins, and where its weights came from."""
    module = build_network(plan.spec, size_px=plan.images.preprocess.size_px)
    with fabric.rank_zero_first(local=True):  # the others find the download in the cache
        origin = load_weights(module, plan.spec, plan.recipe.model.weights)
    if plan.spec.kind is Kind.CNN:  # 1.1 to 1.4 times as fast on a CPU, more on a GPU
        module = module.to(memory_format=torch.channels_last)
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        module = synchronise_batch_norm(module)
    return module, origin


@dataclass
class Recorder:
    """Writes the history and its curves after each epoch, and logs what is new.

    Attributes:
        out: the run folder.
        log: told of each epoch once.
        logged: how many epochs it was told of.
    """

    out: Path
    log: EpochLogger
    logged: int = 0

    def __call__(self, history: list[EpochResult]) -> None:
        """Write all epochs so far."""
        text = to_csv(history)
        write_text(self.out / HISTORY, text)
        write_text(self.out / CURVES, training_curves_file(pl.read_csv(io.StringIO(text))))
        for result in history[self.logged :]:
            self.log(result)
        self.logged = len(history)


def _record_nowhere(_history: list[EpochResult]) -> None:
    """Leave writing to rank 0."""


def write_run(
    claim: Claim,
    plan: Plan,
    trained: Trained,
    logits: Float32[np.ndarray, "n 2"],
    *,
    before: Before | None = None,
    teacher_seeds: tuple[int, ...] = (),
) -> ModelCard:
    """Write weights, card and validation table into a claimed folder and finish it.

    Args:
        claim: the run folder, which holds recipe and history already.
        plan: of the training.
        trained: what came out.
        logits: of the validation images, in their order.
        before: the run that it continued.
        teacher_seeds: of the runs that it was distilled from.
    """
    out, rows = claim.folder, plan.data.rows(Split.VAL)
    save_weights(out, trained.fitted.state)
    if plan.spec.library is Library.TIMM:
        save_timm_config(out, plan.spec, plan.images.preprocess)
    card = make_card(trained, plan.data.summary(), logits, plan.images.val.labels)
    card = card.model_copy(update={"teacher_seeds": teacher_seeds})
    if before is not None:
        called_fake = fake_score(logits, card.temperature) >= card.threshold
        continued = compare_with_before(before, rows, called_fake)
        card = card.model_copy(update={"continued": continued})
        write_json(out / CONTINUED, continued.model_dump(mode="json", exclude={"schema_version"}))
    write_table(out / VALIDATION, _tabulate_validation(rows, card, logits))
    write_json(out / CARD, card.model_dump(mode="json", exclude={"schema_version"}))
    rmtree(out / CHECKPOINTS, ignore_errors=True)
    finish_folder(claim)
    return card


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
