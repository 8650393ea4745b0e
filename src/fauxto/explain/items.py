"""Which images are explained: named ones, and a balanced draw from a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from fauxto.core.errors import DataError
from fauxto.core.labels import FOLDER_LABELS, LABELS, Label, Split
from fauxto.data.layout import recognise


@dataclass(frozen=True)
class Item:
    """One image to explain."""

    path: Path
    shown: str
    """How the page names it."""
    label: Label | None
    """None where nothing tells."""
    source: str | None = None
    generator: str | None = None


def name_items(images: Sequence[Path]) -> list[Item]:
    """Return named files as items, in the order given.

    The label is that of the nearest folder above whose name means one, as everywhere in fauxto.
    """
    items = []
    for path in images:
        names = [folder.name.lower() for folder in path.absolute().parents]
        label = next((FOLDER_LABELS[name] for name in names if name in FOLDER_LABELS), None)
        items.append(Item(path, str(path), label))
    return items


def draw_items(data: Path, split: Split, count: int, seed: int) -> list[Item]:
    """Return a seeded draw of at most ``count`` images, real and fake in turn.

    Any first part of the list is as balanced as the whole. Of a data set without splits all
    images are candidates.

    Args:
        data: a prepared data set, or any folder or table that fauxto recognises.
        split: part of the data set.
        count: images in all.
        seed: of the draw.

    Raises:
        DataError: the data cannot be understood, or the split has no images.
    """
    listing = recognise(data)
    whole = all(file.split is None for file in listing.files)
    files = [file for file in listing.files if whole or file.split is split]
    if not files:
        splits = sorted({str(file.split) for file in listing.files})
        raise DataError(f"{data} has no images in split '{split}': it has {', '.join(splits)}")
    rng = np.random.default_rng(seed)
    columns = []
    for label in LABELS:
        of_label = [file for file in files if file.label is label]
        columns.append([of_label[index] for index in rng.permutation(len(of_label))])
    in_turn = chain.from_iterable(zip_longest(*columns))
    drawn = [file for file in in_turn if file is not None][:count]
    return [
        Item(listing.root / file.path, file.path, file.label, file.source, file.generator)
        for file in drawn
    ]
