"""What leaving one out found, as a file (``held_out.json``)."""

from typing import Final, Literal

from fauxto.core.labels import Label
from fauxto.core.records import Document, Record
from fauxto.metrics.parts import Part

HELD_OUT: Final = "held_out.json"


class HeldOutRow(Record):
    """One generator or source, by a network that never saw it and by one that did.

    Accuracy and recall are of its own images alone. ROC-AUC and the fakes found at 5 % false
    alarms need both classes: where it has one only, the other is taken from the test images that
    were not withheld from the network.
    """

    value: str
    network: int
    """Position in ``HeldOut.networks`` of the one from which it was withheld."""
    completed_by: Label | None
    """The class that was taken from other test images; null where it has both."""
    held_out: Part
    """All its images, by that network."""
    random: Part | None
    """Its test images, by the network that was trained on everything; null if it has none."""


class Network(Record):
    """A network and how it fares on test images that are like its training images."""

    withheld: tuple[str, ...]
    """Values of which it saw no image; empty for the one that was trained on everything."""
    n_train: int
    """Images that it was trained on."""
    seen: Part
    """All test images but those of the values withheld from it."""
    roc_auc: dict[str, float | None]
    """By value, on its test images, completed as in ``HeldOutRow``; null where that fails."""


class HeldOut(Document):
    """Every network on the same test images."""

    by: Literal["generator", "source"]
    architecture: str
    data: str
    """Digest of the prepared data."""
    split_method: str
    networks: tuple[Network, ...]
    """The first was trained on everything: the random split."""
    rows: tuple[HeldOutRow, ...]
    """Lowest held-out ROC-AUC first."""
    never_seen: Part | None
    """Test images of all values that were withheld, each by the network that never saw it; of
    generators these are fakes only. Null without any."""
    same_seen: Part | None
    """The same images by the network that was trained on everything."""
    not_withheld: tuple[str, ...]
    """Values with too few images."""

    @property
    def everything(self) -> Part:
        """Return the random split: all test images, by the network trained on everything."""
        return self.networks[0].seen

    @property
    def mean_held_out(self) -> float | None:
        """Return the mean held-out ROC-AUC over all values; None without any."""
        aucs = [row.held_out.roc_auc for row in self.rows if row.held_out.roc_auc is not None]
        return sum(aucs) / len(aucs) if aucs else None
