"""What leaving one out found, as a file (``held_out.json``)."""

from pathlib import Path
from typing import Final, Literal

from pydantic import ConfigDict, Field, ValidationError

from fauxto.core.artifacts import read_json
from fauxto.core.errors import ArtifactError
from fauxto.core.records import Record
from fauxto.metrics.parts import Part

HELD_OUT: Final = "held_out.json"


class HeldOutRow(Record):
    """One generator or source, seen and never seen."""

    value: str
    held_out: Part
    """All its images, by the network from which they were withheld; a class that it has no image
    of is completed by all test images of that class."""
    random: Part | None
    """Its test images, by the network that was trained on everything; null if it has none."""
    seen: Part | None
    """All other test images, by the network from which it was withheld."""


class HeldOut(Record):
    """Every network on the same test images."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    by: Literal["generator", "source"]
    network: str
    data: str
    """Digest of the prepared data."""
    split_method: str
    everything: Part
    """All test images, by the network that was trained on everything: the random split."""
    rows: tuple[HeldOutRow, ...]
    """Lowest held-out ROC-AUC first."""
    matrix: dict[str, dict[str, float | None]]
    """ROC-AUC on the test images of a value (inner key) of the network from which a value was
    withheld (outer key); null where a class is missing."""
    not_withheld: tuple[str, ...]
    """Values with too few images."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        protected_namespaces=(),
        populate_by_name=True,
        serialize_by_alias=True,
    )

    @property
    def mean_held_out(self) -> float | None:
        """Return the mean held-out ROC-AUC over all values; None without any."""
        aucs = [row.held_out.roc_auc for row in self.rows if row.held_out.roc_auc is not None]
        return sum(aucs) / len(aucs) if aucs else None


def read_held_out(folder: Path) -> HeldOut:
    """Return what ``fauxto held-out`` wrote.

    Raises:
        ArtifactError: it is missing, damaged or from a newer version.
    """
    path = folder / HELD_OUT
    try:
        return HeldOut.model_validate(read_json(path))
    except ValidationError as error:
        raise ArtifactError(f"{path} is not a result of 'fauxto held-out': {error}") from error
