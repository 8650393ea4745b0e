"""What the API takes and sends."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from fauxto.core.choices import Reencoding
from fauxto.core.labels import Label
from fauxto.core.records import Prediction, Score
from fauxto.serve.problems import ProblemDetail


class ExplanationForm(StrEnum):
    """How a heat map is sent."""

    NONE = "none"
    PNG = "png"
    """A picture in colour, as a ``data:`` address."""
    NUMBERS = "numbers"
    """The grid of values."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Stability(_Document):
    """Whether the answer survives what pictures go through on the web."""

    scores: dict[Reencoding, Score]
    """Score after each mild re-encoding."""
    flips: tuple[Reencoding, ...]
    """Those that move the score across the threshold; with any, the verdict is unsure."""
    largest_change: Score
    """Largest difference in score."""


class Explanation(_Document):
    """Where the network found what speaks for one side: its class-activation map."""

    side: Label | None = None
    """What bright places speak for: the side of the threshold on which the score is."""
    values: tuple[tuple[Score, ...], ...] | None = None
    """Rows from top to bottom, scaled so that the strongest place is 1; with ``numbers``."""
    image: str | None = None
    """The map in colours (viridis) as a ``data:`` address; with ``png``."""
    box: tuple[float, float, float, float] = (0, 0, 1, 1)
    """Left, top, right and bottom of what the map covers, in parts of the upright picture's width
    and height; below 0 or above 1 where the network saw a margin."""
    note: str | None = None
    """Why there is no map."""


class Result(_Document):
    """One picture's answer."""

    prediction: Prediction
    """Exactly what ``fauxto predict --json`` prints for the same bytes."""
    stability: Stability | None = None
    """Null unless asked for."""
    explanation: Explanation | None = None
    """Null unless asked for."""
    problem: ProblemDetail | None = None
    """Why the picture could not be looked at, with its code."""
    preview: SkipJsonSchema[bytes | None] = Field(default=None, exclude=True, repr=False)
    """JPEG of the picture as the network sees it, for pages; no part of the API."""


class Answer(_Document):
    """Answers in the order in which the pictures were sent."""

    results: tuple[Result, ...]


class Health(_Document):
    """Whether the server can work."""

    status: str = Field(examples=["ok"])
