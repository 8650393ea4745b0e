"""Recipes: how a network is trained, as TOML read into frozen records.

Defaults live here, once. A recipe file lists what differs. ``--set train.lr=1e-4`` overrides one
value; an unknown key is refused with its path.
"""

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from fauxto.core.choices import (
    DEFAULT_COST_RATIO,
    Fit,
    Match,
    Policy,
    Resample,
    SplitMethod,
)
from fauxto.core.errors import RecipeError
from fauxto.core.invalid import describe_invalid
from fauxto.core.records import Preprocess, Record

Probability = Annotated[float, Field(ge=0, le=1)]
Channels = tuple[float, float, float]


class Optimizer(StrEnum):
    """Rule that turns gradients into steps."""

    ADAM = "adam"
    """Adam with L2 penalty (Kingma and Ba 2015)."""
    ADAMW = "adamw"
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""


class Schedule(StrEnum):
    """How the learning rate changes after the warm-up."""

    CONSTANT = "constant"
    """It stays."""
    COSINE = "cosine"
    """It falls to zero along half a cosine over ``max_epochs`` (Loshchilov and Hutter 2017)."""


class Precision(StrEnum):
    """Number format of the network's computation; weights are always 32 bit."""

    FP32 = "fp32"
    """32-bit throughout."""
    BF16 = "bf16"
    """bfloat16 where it is safe, 32-bit elsewhere."""


class ModelRecipe(Record):
    """Which network, and the weights it starts from."""

    name: str
    """A row of ``fauxto models``, or any classification network of timm."""
    weights: str = "default"
    """``default`` (pretrained), ``none`` (random) or a file."""
    mean: Channels | None = None
    """Mean of each channel in [0, 1] by which inputs are normalised; default the network's."""
    std: Channels | None = None
    """Standard deviation of each channel by which inputs are normalised; default the network's."""
    cam_layer: str | None = None
    """Dotted path of the layer whose maps explanations use; default the network's last maps."""


class TrainRecipe(Record):
    """The training loop."""

    batch_size: Annotated[int, Field(ge=1)] = 32
    """Images in one pass through the network."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Passes whose gradients make one optimiser step."""
    lr: Annotated[float, Field(gt=0)] = 2e-5
    """Learning rate, of the last layers where ``layer_decay`` is below 1."""
    optimizer: Optimizer = Optimizer.ADAMW
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    schedule: Schedule = Schedule.CONSTANT
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """Epochs, or a part of one, in which the learning rate rises linearly from near zero."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor on the learning rate for each step from the head down to the input."""
    freeze_epochs: Annotated[int, Field(ge=0)] = 0
    """First epochs in which only the new head learns."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the target that is spread over both labels; training loss only."""
    class_weights: bool = False
    """Weigh labels by their rarity in training, so that both count the same."""
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of the gradient; default unlimited."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the moving average of the weights that is validated and kept; 0 keeps the
    weights themselves."""
    precision: Precision = Precision.FP32
    compile: bool = False
    """Have torch compile the network: minutes at the start, faster steps on a GPU; other bits."""
    max_epochs: Annotated[int, Field(ge=1)] = 50
    patience: Annotated[int, Field(ge=1)] = 3
    """Epochs without a lower validation loss after which training stops."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    policy: Policy = Policy.BALANCED
    """How the card's threshold is chosen on validation."""
    cost_ratio: Annotated[float, Field(gt=0)] = DEFAULT_COST_RATIO
    """What a missed fake costs, in false alarms; for the policy ``cost``."""


class AugmentRecipe(Record):
    """Changes made to training images only, alike for both classes, in this order.

    Each is drawn anew for each image and epoch from the seed.
    """

    crop: Probability = 0.0
    """Probability of cutting out a part and scaling it back to full size."""
    crop_min_area: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Smallest part of the area that is cut out."""
    horizontal_flip: Probability = 0.5
    """Probability of mirroring left and right."""
    colour: Probability = 0.0
    """Probability of changing brightness, contrast, saturation and white balance."""
    colour_strength: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Largest change of each as a fraction; of the white balance, a third of it."""
    greyscale: Probability = 0.0
    """Probability of taking the colours away."""
    shuffle: Probability = 0.0
    """Probability of cutting into 2 × 2 to 4 × 4 parts and putting them in another order."""
    resize: Probability = 0.0
    """Probability of scaling down and back up, each with a random interpolation."""
    resize_min_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Smallest scale that is gone down to."""
    blur: Probability = 0.0
    """Probability of a Gaussian blur."""
    blur_max_sigma_px: Annotated[float, Field(gt=0)] = 1.5
    """Largest standard deviation of the blur in pixels."""
    noise: Probability = 0.0
    """Probability of adding Gaussian noise."""
    noise_max_sigma: Annotated[float, Field(gt=0)] = 8.0
    """Largest standard deviation of the noise, of 255 levels."""
    reencode: Probability = 0.0
    """Probability of writing and reading again as JPEG or WebP."""
    reencode_quality: tuple[
        Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]
    ] = (30, 100)
    """Lowest and highest quality."""

    @model_validator(mode="after")
    def _check_quality(self) -> Self:
        low, high = self.reencode_quality
        if low > high:
            raise ValueError(f"reencode_quality goes from {low} down to {high}: swap them")
        return self


class DistilRecipe(Record):
    """How one network learns what several trainings of the recipe say, for ``train --distil``.

    Whatever is not named here is done as in their training.
    """

    teachers: Annotated[int, Field(ge=2)] | None = None
    """Of the trainings, so many with the lowest validation loss teach; default all."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate, of all layers: none of them is new."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.1
    max_epochs: Annotated[int, Field(ge=1)] = 1
    mixup: Probability = 0.5
    """Probability that the pictures of a batch are blended in pairs."""


class DataRecipe(Record):
    """What the data set must be like; training on another one is refused."""

    fit: Fit | None = None
    """How its pictures became squares; default any way."""
    split: SplitMethod | None = None
    """How its splits were made; default any way."""


class Recipe(Record):
    """Everything that decides a training run, beside the data."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    model: ModelRecipe
    train: TrainRecipe = TrainRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    distil: DistilRecipe = DistilRecipe()
    data: DataRecipe = DataRecipe()


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
    validate_on: tuple[str, ...] = ()
    """Sources or generators that become validation, all of them, instead of a share."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share that becomes test where the split is drawn."""
    match: tuple[Match, ...] = ()
    """Shortcuts to take away."""
    shards: bool = False
    """Whether pictures lie in tar shards instead of a file each."""
    seed: int = 42

    @property
    def preprocess(self) -> Preprocess:
        """Return how a picture becomes a square; mean and deviation are the network's matter."""
        return Preprocess(size_px=self.size_px, fit=self.fit, resample=self.resample)


def recipe_names() -> tuple[str, ...]:
    """Return the recipes that fauxto ships, such as ``lite`` and ``report/resnet18``, sorted."""
    return tuple(sorted(_walk(_shipped(), "")))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: one of ``recipe_names()``, or a file ending in ``.toml``.
        overrides: such as ``train.lr=1e-4``; the value is written as in TOML, and text may
            leave out its quotes.

    Raises:
        RecipeError: there is no such recipe, or a key or value is not valid.
    """
    text = _read(name_or_path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name_or_path} is not valid TOML: {error}") from error
    for override in overrides:
        _override(document, override)
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise RecipeError(f"recipe {name_or_path}: {describe_invalid(error, Recipe)}") from error


def recipe_to_toml(recipe: Recipe) -> str:
    """Return every setting of a recipe as TOML that ``load_recipe`` reads back to an equal one."""
    return tomli_w.dumps(recipe.model_dump(mode="json", by_alias=True, exclude_none=True))


def _shipped() -> Traversable:
    return resources.files("fauxto") / "recipes"


def _walk(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".toml"):
            yield f"{prefix}{entry.name.removesuffix('.toml')}"


def _read(name_or_path: str) -> str:
    if name_or_path in recipe_names():
        return (_shipped() / f"{name_or_path}.toml").read_text("utf-8")
    if not name_or_path.endswith(".toml"):
        near = difflib.get_close_matches(name_or_path, recipe_names(), n=1)
        meant = f"did you mean {near[0]!r}? There are" if near else "choose one of"
        raise RecipeError(
            f"there is no recipe {name_or_path!r}: {meant} {', '.join(recipe_names())}; "
            "or name a .toml file"
        )
    try:
        return Path(name_or_path).read_text("utf-8")
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {name_or_path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"the recipe {name_or_path} is not UTF-8 text: {error}") from error


def _override(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *sections, name = key.strip().split(".")
    if not equals or not name:
        raise RecipeError(f"--set {override}: write it as section.key=value, like train.lr=1e-4")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = document
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {override}: {section} is a value, not a section")
    table[name] = value
