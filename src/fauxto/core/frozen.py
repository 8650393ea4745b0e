"""The base of every record that crosses a file or the network."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fauxto.core.notebook import Shown


class Record(Shown, BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )


class Document(Record):
    """A record that is a whole JSON file, with its schema version first."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
