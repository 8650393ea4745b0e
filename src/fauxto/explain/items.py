"""Which images are explained: named ones, and a balanced draw from a data set."""

from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from fauxto.core.errors import DataError
from fauxto.core.labels import FOLDER_LABELS, LABELS, Split
from fauxto.core.storage import Address
from fauxto.data.labelled import list_labelled
from fauxto.data.prepared import is_prepared, open_dataset
from fauxto.data.stored import StoredImage


def name_items(images: Sequence[Path]) -> list[StoredImage]:
    """Return named files as items, in the order given.

    The label is that of the nearest folder above whose name means one, as everywhere in fauxto.
    """
    items = []
    for path in images:
        names = [folder.name.lower() for folder in path.absolute().parents]
        label = next((FOLDER_LABELS[name] for name in names if name in FOLDER_LABELS), None)
        items.append(StoredImage(str(path), str(path), label=label))
    return items


def draw_items(data: Address, split: Split, count: int, seed: int) -> list[StoredImage]:
    """Return a seeded draw of at most ``count`` images, real and fake in turn.

    Any first part of the list is as balanced as the whole. Of a data set without splits all
    images are candidates.

    Args:
        data: a prepared data set, or any folder, table or shards that fauxto recognises.
        split: part of the data set.
        count: images in all.
        seed: of the draw.

    Raises:
        ArtifactError: the prepared data set is unfinished or damaged.
        DataError: the data cannot be understood, or the split has no images.
    """
    candidates = _list_candidates(data, split)
    rng = np.random.default_rng(seed)
    columns = []
    for label in LABELS:
        of_label = [image for image in candidates if image.label is label]
        columns.append([of_label[index] for index in rng.permutation(len(of_label))])
    in_turn = chain.from_iterable(zip_longest(*columns))
    return [image for image in in_turn if image is not None][:count]


def _list_candidates(data: Address, split: Split) -> Sequence[StoredImage]:
    if is_prepared(data):
        dataset = open_dataset(data)
        candidates = dataset.locate(dataset.rows(split)["path"])
        splits = set(dataset.images["split"])
    else:
        images = list_labelled(str(data)).images
        whole = all(image.split is None for image in images)
        candidates = [image for image in images if whole or image.split is split]
        splits = {str(image.split) for image in images}
    if not candidates:
        found = ", ".join(sorted(splits))
        raise DataError(f"{data} has no images in split '{split}': it has {found}")
    return candidates
