"""The two labels, their numbers, and the folder names that mean them.

The positive class is fake: a false negative is a fake called real. Class order is fixed here and
is never taken from sorting folder names (sorted, ``fake`` would become 0).
"""

from enum import StrEnum
from typing import Final


class Label(StrEnum):
    """What a picture is."""

    REAL = "real"
    FAKE = "fake"

    @property
    def number(self) -> int:
        """Return the class number: real 0, fake 1; also the index of its logit."""
        return LABELS.index(self)


LABELS: Final = (Label.REAL, Label.FAKE)
"""Labels in the order of the network's logits."""


class Verdict(StrEnum):
    """What fauxto says of a picture."""

    REAL = "real"
    FAKE = "fake"
    UNSURE = "unsure"


class Split(StrEnum):
    """Which part of a data set a row belongs to."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


FOLDER_LABELS: Final = {
    "real": Label.REAL,
    "0_real": Label.REAL,
    "nature": Label.REAL,
    "resized_real": Label.REAL,
    "fake": Label.FAKE,
    "1_fake": Label.FAKE,
    "ai": Label.FAKE,
    "resized_fake": Label.FAKE,
}
"""Folder names, lower case, that say which class their files are."""

FOLDER_SPLITS: Final = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "test": Split.TEST,
    "testing": Split.TEST,
}
"""Folder names, lower case, that say which split their files are in."""
