"""Several trainings of one recipe made one network: the mean of their weights."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, update_bn

from fauxto.core.artifacts import (
    HISTORY,
    RECIPE,
    STAMP,
    FolderState,
    claim_folder,
    file_digest,
    read_card,
    write_text,
)
from fauxto.core.errors import RecipeError
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import recipe_to_toml
from fauxto.loading.epochs import iterate_training
from fauxto.models.checkpoint import load_run
from fauxto.train.card import Trained
from fauxto.train.determinism import deterministic
from fauxto.train.devices import open_fabric
from fauxto.train.fit import FitResult
from fauxto.train.history import EpochResult, to_csv
from fauxto.train.plan import Plan
from fauxto.train.run import TrainResult, write_run
from fauxto.train.validation import score_validation, to_device, validate


def average_runs(
    runs: Sequence[TrainResult],
    plan: Plan,
    *,
    out: Path,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = silent,
) -> TrainResult:
    """Write a run whose weights are the mean of the runs' weights.

    Trainings that start from the same pretrained weights end close enough to each other for
    their mean to be a network too, and it errs less than each of them, at the cost of one.
    Statistics of batch norm cannot be averaged and are taken again from the training images.

    Args:
        runs: finished trainings of the plan's recipe that differ in their seeds.
        plan: of the first of them.
        out: run folder to write; the network takes the name of the folder that it lies in.
        device: where the network computes.
        overwrite: replace an earlier run.
        progress: told after each batch.

    Raises:
        RecipeError: several processes train together.
        ArtifactError: a run is damaged, or ``out`` is in the way.

    Source:
        Model soups, Wortsman et al. 2022, the uniform soup; batch norm as in stochastic weight
        averaging, Izmailov et al. 2018.
    """
    fabric = open_fabric(device, plan.recipe.train)
    if fabric.world_size > 1:
        raise RecipeError(
            "--average is the work of one process: call the same command without torchrun; the "
            "finished trainings are taken as they are"
        )
    arguments = {**plan.arguments, "runs": [file_digest(run.out / STAMP) for run in runs]}
    claim = claim_folder(out, "train", arguments, overwrite=overwrite)
    if claim.state is FolderState.DONE:
        return TrainResult(out, read_card(out), reused=True)
    write_text(out / RECIPE, recipe_to_toml(plan.recipe))
    with deterministic(plan.recipe.train.seed):
        module = load_run(runs[0].out, str(fabric.device)).module
        average = AveragedModel(module)
        average.update_parameters(module)
        for run in runs[1:]:
            average.update_parameters(load_run(run.out, str(fabric.device)).module)
        module = average.module
        update_bn(_inputs(plan, fabric, progress), module)
        batch_size = plan.recipe.train.batch_size
        loss, accuracy = validate(module, plan.images, batch_size, fabric)
        logits = score_validation(module, plan.images, batch_size, fabric)
    history = [_summarise(runs, loss, accuracy)]
    write_text(out / HISTORY, to_csv(history))
    state = {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}
    seconds = sum(run.card.wall_time_s or 0.0 for run in runs)
    fitted = FitResult(state, history, seconds)
    origin = runs[0].card.weights_source
    trained = Trained(
        out.parent.name,
        plan.spec,
        plan.recipe,
        plan.images.preprocess,
        fitted,
        origin,
        str(fabric.device),
    )
    card = write_run(
        claim, plan, trained, logits, averaged_seeds=tuple(run.card.seed for run in runs)
    )
    return TrainResult(out, card, reused=False)


def _inputs(plan: Plan, fabric: Fabric, progress: Progress) -> Iterator[Tensor]:
    """Yield the training images once, changed as in training."""
    settings, total = plan.recipe.train, len(plan.images.train.paths)
    batches = iterate_training(
        plan.images.train, plan.images.preprocess, plan.recipe.augment,
        batch_size=settings.batch_size, seed=settings.seed, epoch=1, workers=plan.images.workers,
    )  # fmt: skip
    done = 0
    for batch in batches:
        yield to_device(batch, fabric)[0]
        done += len(batch.paths)
        progress("batch norm of the average", done, total, "")


def _summarise(runs: Sequence[TrainResult], val_loss: float, val_accuracy: float) -> EpochResult:
    """Return one row for the history: the runs' own training on average, this validation."""
    best = pl.concat(
        pl.read_csv(run.out / HISTORY).slice(run.card.best_epoch - 1, 1) for run in runs
    )
    lr, loss, accuracy = best.select(
        pl.col("lr", "train_loss", "train_accuracy").cast(pl.Float64).mean()
    ).row(0)
    epoch = max(run.card.best_epoch for run in runs)
    return EpochResult(epoch, lr, loss, accuracy, val_loss, val_accuracy)
