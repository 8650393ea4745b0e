"""The base of every record that crosses a file or the network."""

from pydantic import BaseModel, ConfigDict

from fauxto.core.notebook import Shown


class Record(Shown, BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )
