"""What the API sends."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from fauxto.core.records import Prediction
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


class Result(_Document):
    """One picture's answer."""

    prediction: Prediction
    """Exactly what ``fauxto predict --json`` prints for the same bytes."""
    problem: ProblemDetail | None = None
    """Why the picture could not be looked at, with its code."""


class Answer(_Document):
    """Answers in the order in which the pictures were sent."""

    results: tuple[Result, ...]


class Health(_Document):
    """Whether the server can work."""

    status: str = Field(examples=["ok"])
