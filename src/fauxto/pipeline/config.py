"""The configuration of a whole chain: which data, how prepared, which networks."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from fauxto.core.errors import RecipeError
from fauxto.core.invalid import describe_invalid
from fauxto.core.recipe import PrepareOptions
from fauxto.core.records import Record


class AuditSection(Record):
    """What ``audit`` is told."""

    max_pixels: Annotated[int, Field(ge=1)] = 200_000_000
    """Larger images are not decoded."""


class TrainSection(Record):
    """One network to train."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Name of the run, also its folder."""
    recipe: str
    """Name of a recipe, or a TOML file beside the configuration."""
    set: tuple[str, ...] = ()
    """Overrides such as ``train.lr=1e-4``."""


class ExplainSection(Record):
    """What ``explain`` is told."""

    sample: Annotated[int, Field(ge=1)] = 8
    """Test pictures, half of each class."""
    images: tuple[str, ...] = ()
    """Pictures to explain instead, relative to the configuration."""
    measured: Annotated[int, Field(ge=1)] = 200
    """Test pictures over which the maps are measured and averaged."""
    tested: Annotated[int, Field(ge=0)] = 16
    """Test pictures on which belief in the maps is tested; 0 tests nothing."""


class ChainConfig(Record):
    """Everything that ``fauxto run`` does, in order."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    title: str = "Real or made by AI?"
    """Heading of the report."""
    preface: str = ""
    """First sentence of the report, for what a reader must know before any number."""
    data: Path
    """Folder or table of images; in a file relative to it."""
    audit: AuditSection = AuditSection()
    prepare: PrepareOptions = PrepareOptions()
    train: Annotated[tuple[TrainSection, ...], Field(min_length=1)]
    explain: ExplainSection = ExplainSection()


def load_config(path: Path) -> ChainConfig:
    """Read a configuration; paths in it are taken relative to its folder.

    Args:
        path: a TOML file.

    Raises:
        RecipeError: the file cannot be read, or a key or value in it is not valid.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RecipeError(
            f"cannot read the configuration {path} ({error.strerror}): name a TOML file that says "
            'data = "FOLDER" and has a [[train]] with name and recipe (fauxto run --help)'
        ) from error
    except ValueError as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error
    try:
        config = ChainConfig.model_validate(document)
    except ValidationError as error:
        raise RecipeError(f"{path}: {describe_invalid(error, ChainConfig)}") from error
    names = [section.name for section in config.train]
    if len(set(names)) < len(names):
        raise RecipeError(f"{path}: two [[train]] sections have the same name; names are folders")
    base = path.parent
    return config.model_copy(
        update={
            "data": base / config.data,
            "train": tuple(_located(section, base) for section in config.train),
            "explain": config.explain.model_copy(
                update={"images": tuple(str(base / image) for image in config.explain.images)}
            ),
        }
    )


def _located(section: TrainSection, base: Path) -> TrainSection:
    if not section.recipe.endswith(".toml"):
        return section
    return section.model_copy(update={"recipe": str(base / section.recipe)})
