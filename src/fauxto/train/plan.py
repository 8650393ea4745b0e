"""What a training would do, refused before it begins if it could only fail later."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fauxto.core.artifacts import WEIGHTS, file_digest
from fauxto.core.choices import DEFAULT_COST_RATIO
from fauxto.core.errors import RecipeError
from fauxto.core.labels import Label, Split
from fauxto.core.recipe import Recipe
from fauxto.core.storage import Address
from fauxto.data.prepared import PreparedDataset, open_dataset
from fauxto.loading.epochs import LabelledImages, batch_sizes
from fauxto.metrics.labels import require_both_classes
from fauxto.metrics.threshold import require_enough
from fauxto.models.build import choose_device, find_spec
from fauxto.models.specs import ModelSpec
from fauxto.train.validation import FitData


@dataclass(frozen=True)
class Plan:
    """A training that could begin.

    Attributes:
        data: the data set.
        spec: facts of the network.
        images: what is trained on and validated with.
        recipe: how.
    """

    data: PreparedDataset
    spec: ModelSpec
    images: FitData
    recipe: Recipe

    @property
    def arguments(self) -> dict[str, Any]:
        """Return whatever decides the result, for the run folder's stamp."""
        return {
            "dataset": self.data.digest,
            "recipe": _name_settings(self.recipe),
            "weights": _digest_weights(self.recipe.model.weights),
        }

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return what is read: the data set, and the run or file that weights come from."""
        weights = self.recipe.model.weights
        return (self.data.root, *(() if weights in ("default", "none") else (weights,)))


def make_plan(dataset: Address, recipe: Recipe, *, workers: int = 2) -> Plan:
    """Return what a training would do, or refuse before it what could only fail after it.

    Raises:
        ArtifactError: the data set is unfinished or damaged.
        RecipeError: the recipe does not fit the data or the network.
        DataError: a label is missing where it is needed.
    """
    data = open_dataset(dataset)
    spec = find_spec(recipe.model.name, recipe.model.cam_layer)
    preprocess = data.preprocess.model_copy(
        update={"mean": recipe.model.mean or spec.mean, "std": recipe.model.std or spec.std}
    )
    images = FitData(
        train=_list_images(data, Split.TRAIN),
        val=_list_images(data, Split.VAL),
        preprocess=preprocess,
        workers=workers,
    )
    _check_labels(images, recipe)
    _check_data(data, recipe)
    return Plan(data, spec, images, recipe)


def describe_plan(plan: Plan, device: str) -> list[str]:
    """Return what a training will do, in a few lines.

    Args:
        plan: the training.
        device: as asked for.

    Raises:
        RecipeError: the device cannot be used.
    """
    settings, spec, images = plan.recipe.train, plan.spec, plan.images
    weights = plan.recipe.model.weights
    origin = spec.weights_source if weights == "default" else weights
    steps = math.ceil(
        len(batch_sizes(len(images.train.images), settings.batch_size)) / settings.accumulate
    )
    return [
        f"data:    {plan.data.root}: {_count(images.train)} to train on, {_count(images.val)} to "
        f"validate with, {images.preprocess.size_px} px",
        f"splits:  {plan.data.split_method}",
        f"network: {spec.name}, {spec.parameters / 1e6:.1f} M parameters, {spec.gflops:.2f} GFLOPs "
        f"an image of {spec.input_px} px; maps from {spec.cam_layer}",
        f"weights: {origin}",
        f"steps:   {steps} an epoch, at most {settings.max_epochs} epochs; stops after "
        f"{settings.patience} without a lower validation loss",
        f"device:  {choose_device(device)}",
    ]


def _count(images: LabelledImages) -> str:
    fake = int(images.labels.sum())
    return f"{len(images.labels) - fake:,} real and {fake:,} fake"


def _name_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the settings; later additions only where used, so that older runs stay valid."""
    settings: dict[str, Any] = recipe.model_dump(mode="json")
    if recipe.model.cam_layer is None:
        del settings["model"]["cam_layer"]
    if not recipe.train.compile:
        del settings["train"]["compile"]
    if recipe.train.cost_ratio == DEFAULT_COST_RATIO:
        del settings["train"]["cost_ratio"]
    for name in ("colour", "greyscale", "shuffle"):
        if not settings["augment"][name]:
            del settings["augment"][name]
    if not recipe.augment.colour:
        del settings["augment"]["colour_strength"]
    del settings["data"]  # it only refuses
    del settings["distil"]  # a student's own arguments name it
    return settings


def _check_labels(data: FitData, recipe: Recipe) -> None:
    """Refuse before training what could only fail after it."""
    require_both_classes(data.train.labels, what="training")
    require_both_classes(data.val.labels, what="choosing a threshold on validation")
    require_enough(data.val.labels, recipe.train.policy, recipe.train.cost_ratio)


def _check_data(data: PreparedDataset, recipe: Recipe) -> None:
    """Refuse a data set that was not prepared as the recipe needs it."""
    expected = recipe.data
    if expected.fit is not None and data.preprocess.fit is not expected.fit:
        raise RecipeError(
            f"the recipe is for pictures made with --fit {expected.fit} and {data.root} was "
            f"prepared with --fit {data.preprocess.fit}: prepare it again, or --set data.fit="
            f"{data.preprocess.fit}"
        )
    if expected.split is not None and not data.split_method.startswith(expected.split):
        raise RecipeError(
            f"the recipe is for data prepared with --split {expected.split} and the splits of "
            f"{data.root} are: {data.split_method}"
        )


def _digest_weights(weights: str) -> str:
    """Return what identifies the weights asked for: their content, if they lie in a file."""
    path = Path(weights)
    path = path / WEIGHTS if path.is_dir() else path
    return file_digest(path) if weights not in ("default", "none") and path.is_file() else weights


def _list_images(data: PreparedDataset, split: Split) -> LabelledImages:
    rows = data.rows(split)
    labels = [Label(label).number for label in rows["label"]]
    return LabelledImages(tuple(data.locate(rows["path"])), np.array(labels, np.int64))
