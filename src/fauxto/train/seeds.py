"""Several trainings that differ in their seed alone: how much of a number is luck."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fauxto.core.artifacts import (
    CARD,
    HISTORY,
    SEEDS,
    VALIDATION,
    FolderState,
    claim_folder,
    finish_folder,
    write_json,
)
from fauxto.core.choices import LoggerName
from fauxto.core.errors import RecipeError
from fauxto.core.labels import Label
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import Recipe
from fauxto.core.records import SeedSpread
from fauxto.core.storage import Address
from fauxto.metrics.ranking import roc_auc
from fauxto.train.devices import open_fabric
from fauxto.train.distil import distil_runs
from fauxto.train.plan import make_plan
from fauxto.train.run import TrainResult, train

VERB = "train --seeds"
DISTILLED = "distilled"


@dataclass(frozen=True)
class SeedsResult:
    """Trainings with several seeds.

    Attributes:
        out: the folder; each run lies in ``seed-N`` inside it.
        runs: one result a seed, in the order of the seeds.
        spread: mean and deviation of the validation metrics, which each card also holds.
        student: the run in ``distilled`` that learned what they say, where asked for.
        reused: whether the same runs were there already, finished.
        rank: number of this process among those that trained together.
    """

    out: Path
    runs: tuple[TrainResult, ...]
    spread: SeedSpread
    reused: bool
    student: TrainResult | None = None
    rank: int = 0


def train_seeds(
    dataset: Address,
    *,
    recipe: Recipe,
    seeds: Sequence[int],
    out: Path,
    device: str = "cpu",
    distil: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,  # noqa: ANN401 - handed on to train
) -> SeedsResult:
    """Train once with each seed; what is finished of an interrupted call is not done again.

    Args:
        dataset: folder or URL written by ``fauxto prepare``.
        recipe: network and training; its own seed is not used.
        seeds: two or more, all different.
        out: folder to write.
        device: where the network computes.
        distil: also train one network on what they say.
        overwrite: replace earlier runs.
        progress: told after each batch.
        options: the other arguments of ``train``.

    Raises:
        RecipeError: fewer than two seeds, fewer than the recipe's teachers, or one twice.
        FauxtoError: as ``train``.
    """
    if len(seeds) < 2 or len(set(seeds)) < len(seeds):
        raise RecipeError(
            f"--seeds needs two or more different seeds and got "
            f"{','.join(map(str, seeds)) or 'none'}"
        )
    if distil and (recipe.distil.teachers or 0) > len(seeds):
        raise RecipeError(
            f"distil.teachers is {recipe.distil.teachers} and there are {len(seeds)} trainings: "
            "name more --seeds"
        )
    recipes = [
        recipe.model_copy(update={"train": recipe.train.model_copy(update={"seed": seed})})
        for seed in seeds
    ]
    plan = make_plan(dataset, recipes[0])
    fabric = open_fabric(device, recipe.train)
    claim = None
    if fabric.is_global_zero:
        arguments = {**plan.arguments, "seeds": list(seeds)}
        claim = claim_folder(out, VERB, arguments, overwrite=overwrite, inputs=plan.inputs)
    fabric.barrier()
    runs = tuple(
        train(
            dataset,
            recipe=one,
            out=out / f"seed-{seed}",
            device=device,
            progress=progress,
            **options,
        )
        for seed, one in zip(seeds, recipes, strict=True)
    )
    spread: SeedSpread | None = None
    if claim is not None:
        spread = _measure(seeds, runs)
        if claim.state is not FolderState.DONE:
            _write(out, runs, spread)
            finish_folder(claim)
    reused = fabric.broadcast(claim is not None and claim.state is FolderState.DONE)
    student = None
    if distil:
        student = distil_runs(
            runs,
            plan,
            out=out / DISTILLED,
            device=device,
            logger=options.get("logger", LoggerName.NONE),
            progress=progress,
        )
        reused = reused and student.reused
    return SeedsResult(out, runs, fabric.broadcast(spread), reused, student, fabric.global_rank)


def _measure(seeds: Sequence[int], runs: Sequence[TrainResult]) -> SeedSpread:
    table: dict[str, list[float]] = {"val_loss": [], "val_accuracy": [], "val_roc_auc": []}
    for run in runs:
        best = pl.read_csv(run.out / HISTORY).row(run.card.best_epoch - 1, named=True)
        scored = pl.read_parquet(run.out / VALIDATION)
        labels = (scored["label"] == Label.FAKE.value).cast(pl.Int64).to_numpy()
        table["val_loss"].append(best["val_loss"])
        table["val_accuracy"].append(best["val_accuracy"])
        table["val_roc_auc"].append(roc_auc(labels, scored["score"].to_numpy()))
    return SeedSpread(
        seeds=tuple(seeds),
        mean={name: float(np.mean(values)) for name, values in table.items()},
        deviation={name: float(np.std(values, ddof=1)) for name, values in table.items()},
    )


def _write(out: Path, runs: Sequence[TrainResult], spread: SeedSpread) -> None:
    for run in runs:
        card = run.card.model_copy(update={"spread": spread})
        write_json(run.out / CARD, card.model_dump(mode="json", exclude={"schema_version"}))
    write_json(
        out / SEEDS,
        {**spread.model_dump(mode="json"), "runs": [run.out.name for run in runs]},
    )
