"""Several trainings of one recipe made one network, which learns what they say together."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from fauxto.core.artifacts import (
    RECIPE,
    STAMP,
    FolderState,
    claim_folder,
    file_digest,
    read_card,
    write_text,
)
from fauxto.core.choices import LoggerName
from fauxto.core.errors import RecipeError
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import Recipe, recipe_to_toml
from fauxto.loading.epochs import iterate_training
from fauxto.models.allocator import keep_freed_memory
from fauxto.models.checkpoint import load_run
from fauxto.train.card import Trained
from fauxto.train.determinism import deterministic
from fauxto.train.devices import open_fabric
from fauxto.train.fit import fit
from fauxto.train.loggers import open_logger
from fauxto.train.objective import FromTeachers
from fauxto.train.plan import Plan
from fauxto.train.run import CHECKPOINTS, Recorder, TrainResult, write_run
from fauxto.train.validation import score_validation, to_device


def distil_runs(
    runs: Sequence[TrainResult],
    plan: Plan,
    *,
    out: Path,
    device: str = "cpu",
    overwrite: bool = False,
    logger: LoggerName = LoggerName.NONE,
    progress: Progress = silent,
) -> TrainResult:
    """Train one network on what several say; interrupted, it goes on after its last epoch.

    The student begins as the mean of their weights: trainings that start from the same pretrained
    weights end close enough to each other for their mean to be a network too. Statistics of batch
    norm cannot be averaged and are taken again from the training images. From there it learns
    the teachers' mean opinion, as the recipe's ``distil`` section says.

    Args:
        runs: finished trainings of the plan's recipe that differ in their seeds; those with the
            lowest validation loss teach, as many as the recipe says.
        plan: of the first of them.
        out: run folder to write; the network takes the name of the folder that it lies in.
        device: where the networks compute.
        overwrite: replace an earlier run.
        logger: where each epoch's numbers go besides ``history.csv``.
        progress: told after each batch.

    Raises:
        RecipeError: several processes train together.
        ArtifactError: a run is damaged, or ``out`` is in the way.

    Source:
        Beginning: model soups, Wortsman et al. 2022, the uniform soup; batch norm as in stochastic
        weight averaging, Izmailov et al. 2018. Learning: ``objective.FromTeachers``.
    """
    recipe = student_recipe(plan.recipe)
    fabric = open_fabric(device, recipe.train)
    if fabric.world_size > 1:
        raise RecipeError(
            "--distil is the work of one process: call the same command without torchrun; the "
            "finished trainings are taken as they are"
        )
    arguments = {
        **plan.arguments,
        "distil": recipe.distil.model_dump(mode="json"),
        "runs": [file_digest(run.out / STAMP) for run in runs],
    }
    claim = claim_folder(out, "train", arguments, overwrite=overwrite)
    if claim.state is FolderState.DONE:
        return TrainResult(out, read_card(out), reused=True)
    write_text(out / RECIPE, recipe_to_toml(recipe))
    keep_freed_memory()
    with deterministic(recipe.train.seed), open_logger(logger, out, recipe) as log:
        chosen = choose_teachers(runs, recipe.distil.teachers)
        teachers = [load_run(run.out, str(fabric.device)).module for run in chosen]
        student = _mean_of(teachers)
        update_bn(_inputs(plan, fabric, progress), student)
        fitted = fit(
            student,
            plan.spec,
            plan.images,
            recipe,
            fabric,
            folder=out / CHECKPOINTS,
            on_epoch=Recorder(out, log),
            progress=progress,
            objective=FromTeachers(teachers, recipe.distil.mixup),
        )
        student.load_state_dict(fitted.state)
        logits = score_validation(student, plan.images, recipe.train.batch_size, fabric)
    trained = Trained(
        out.parent.name, plan.spec, recipe, plan.images.preprocess, fitted,
        runs[0].card.weights_source, str(fabric.device),
    )  # fmt: skip
    seeds = tuple(run.card.seed for run in chosen)
    card = write_run(claim, plan, trained, logits, teacher_seeds=seeds)
    return TrainResult(out, card, reused=False)


def choose_teachers(runs: Sequence[TrainResult], number: int | None) -> list[TrainResult]:
    """Return as many runs as asked for, or all, by validation loss; in the order given."""
    best = sorted(runs, key=lambda run: run.card.best_val_loss)[:number]
    return [run for run in runs if run in best]


def student_recipe(recipe: Recipe) -> Recipe:
    """Return how the student is trained: as its teachers but for what ``distil`` says."""
    changes = {
        "lr": recipe.distil.lr,
        "warmup_epochs": recipe.distil.warmup_epochs,
        "layer_decay": 1.0,
        "max_epochs": recipe.distil.max_epochs,
        "freeze_epochs": 0,
    }
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=changes)})


def _mean_of(networks: Sequence[nn.Module]) -> nn.Module:
    """Return a new network with the mean of the networks' weights."""
    average = AveragedModel(networks[0])
    for network in networks:
        average.update_parameters(network)
    mean: nn.Module = average.module
    return mean.requires_grad_()


def _inputs(plan: Plan, fabric: Fabric, progress: Progress) -> Iterator[Tensor]:
    """Yield the training images once, changed as in training."""
    settings, total = plan.recipe.train, len(plan.images.train.images)
    batches = iterate_training(
        plan.images.train, plan.images.preprocess, plan.recipe.augment,
        batch_size=settings.batch_size, seed=settings.seed, epoch=1, workers=plan.images.workers,
    )  # fmt: skip
    done = 0
    for batch in batches:
        yield to_device(batch, fabric)[0]
        done += len(batch.images)
        progress("batch norm of the mean", done, total, "")
