"""The card of a trained network; its temperature and thresholds come from validation alone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Int64

from fauxto.core.environment import describe_environment
from fauxto.core.recipe import Recipe
from fauxto.core.records import DataSummary, ModelCard, Preprocess
from fauxto.metrics.calibration import fake_score, fit_temperature
from fauxto.metrics.threshold import choose, fit_operating_points, fit_unsure_band
from fauxto.models.specs import ModelSpec
from fauxto.train.fit import FitResult
from fauxto.train.history import find_best

_NAMED: Final = 12


@dataclass(frozen=True)
class Trained:
    """A training that has ended.

    Attributes:
        name: of the run.
        spec: facts of the network.
        recipe: how it was trained.
        preprocess: what its input went through.
        fitted: what came out.
        origin: where the weights came from before.
        device: where it was trained.
    """

    name: str
    spec: ModelSpec
    recipe: Recipe
    preprocess: Preprocess
    fitted: FitResult
    origin: str
    device: str


def make_card(
    trained: Trained,
    data: DataSummary,
    logits: Float32[np.ndarray, "n 2"],
    labels: Int64[np.ndarray, " n"],
) -> ModelCard:
    """Return the card: facts of the training, and what validation says of the scores.

    Args:
        trained: the training.
        data: what it was trained on.
        logits: of the validation images, by the kept weights, in the order real, fake.
        labels: of the validation images; 0 real, 1 fake.

    Raises:
        RecipeError: validation is too small for the recipe's policy.
    """
    recipe, fitted = trained.recipe, trained.fitted
    temperature = fit_temperature(logits, labels)
    scores = fake_score(logits, temperature)
    points = fit_operating_points(labels, scores, cost_ratio=recipe.train.cost_ratio)
    best = find_best(fitted.history)
    return ModelCard(
        name=trained.name,
        architecture=trained.spec.name,
        parameters=trained.spec.parameters,
        preprocess=trained.preprocess,
        preprocess_hash=trained.preprocess.hash,
        temperature=temperature,
        threshold=choose(points, recipe.train.policy).threshold,
        policy=recipe.train.policy,
        operating_points=points,
        unsure_band=fit_unsure_band(labels, scores),
        data=data,
        seed=recipe.train.seed,
        epochs=fitted.history[-1].epoch,
        best_epoch=best.epoch,
        best_val_loss=best.val_loss,
        batch_size=recipe.train.batch_size,
        lr=recipe.train.lr,
        weights_source=trained.origin,
        weights_licence=_licence(trained),
        wall_time_s=round(fitted.seconds, 1),
        environment=describe_environment(trained.device),
        limits=_limits(data),
    )


def _licence(trained: Trained) -> str:
    if trained.origin == "random":
        return "none: trained from random weights"
    if trained.recipe.model.weights != "default":
        return "that of the weights it started from"
    return trained.spec.weights_licence


def _limits(data: DataSummary) -> tuple[str, ...]:
    generators = list(data.generators)
    named = ", ".join(generators[:_NAMED]) + (", and others" if len(generators) > _NAMED else "")
    seen = (
        f"Its training fakes come from: {named}. Fakes of other generators may pass as real."
        if generators
        else "Which generators made its training fakes is not recorded; others may pass as real."
    )
    return (
        seen,
        "It judges the whole picture: local edits of a real photograph may pass as real.",
        "It was not tested against pictures made to deceive it.",
    )
