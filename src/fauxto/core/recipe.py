"""Recipes: how a network is trained, as TOML read into frozen records.

Defaults live here, once. A recipe file lists what differs. ``--set train.lr=1e-4`` overrides one
value; an unknown key is refused with its path.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from fauxto.core.choices import Fit, Policy, Resample, SplitMethod
from fauxto.core.records import Record


class Optimizer(StrEnum):
    """Rule that turns gradients into steps."""

    ADAM = "adam"
    """Adam with L2 penalty (Kingma and Ba 2015)."""
    ADAMW = "adamw"
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""


class ModelRecipe(Record):
    """Which network, and the weights it starts from."""

    name: str
    """A row of ``fauxto models``."""
    weights: str = "default"
    """``default`` (pretrained), ``none`` (random) or a file."""


class TrainRecipe(Record):
    """The training loop."""

    batch_size: Annotated[int, Field(ge=1)] = 32
    """Images in one optimiser step."""
    lr: Annotated[float, Field(gt=0)] = 2e-5
    """Learning rate."""
    optimizer: Optimizer = Optimizer.ADAMW
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    max_epochs: Annotated[int, Field(ge=1)] = 50
    patience: Annotated[int, Field(ge=1)] = 3
    """Epochs without a lower validation loss after which training stops."""
    seed: int = 42
    policy: Policy = Policy.BALANCED
    """How the card's threshold is chosen on validation."""


class AugmentRecipe(Record):
    """Changes made to training images only, alike for both classes."""

    horizontal_flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability of mirroring left and right."""


class Recipe(Record):
    """Everything that decides a training run, beside the data."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    model: ModelRecipe
    train: TrainRecipe = TrainRecipe()
    augment: AugmentRecipe = AugmentRecipe()


class PrepareOptions(Record):
    """How audited files become a data set."""

    size_px: Annotated[int, Field(ge=16, le=4096)] = 224
    """Side of the square pictures in pixels."""
    fit: Fit = Fit.SQUASH
    """How a picture of any shape becomes a square."""
    resample: Resample = Resample.EXACT
    split: SplitMethod = SplitMethod.GIVEN
    hold_out: tuple[str, ...] = ()
    """Generators or sources that occur in test only, for the held-out splits."""
    val: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of what is not test that becomes validation, if the data have none."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share that becomes test where the split is drawn."""
    seed: int = 42
