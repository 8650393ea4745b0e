"""What a folder or table of images was understood to hold."""

from dataclasses import dataclass
from pathlib import Path

from fauxto.core.labels import Label, Split


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file and what its place says of it.

    Attributes:
        path: relative to the listing's root, ``/`` between folders.
        label: real or fake.
        split: part of the data set; None where the layout has none.
        source: where it was collected, None if not told.
        generator: which model made it, None if real or not told.
    """

    path: str
    label: Label
    split: Split | None = None
    source: str | None = None
    generator: str | None = None


@dataclass(frozen=True)
class Listing:
    """All files of a data set.

    Attributes:
        root: folder that paths are relative to.
        kind: how the layout was understood, in words for the user.
        files: sorted by path; both labels occur.
    """

    root: Path
    kind: str
    files: tuple[ListedFile, ...]
