"""One pass over the training rows: shuffled, augmented, in batches, in the same order each time.

Nothing is carried from one epoch to the next: shuffling and augmentation follow from seed, epoch
and row alone, so that a run resumed after any epoch goes on exactly as if it had not stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from fauxto.core.errors import DataError, UnreadableImage
from fauxto.core.recipe import AugmentRecipe
from fauxto.core.records import Preprocess
from fauxto.imaging.decode import decode_rgb, read_bytes
from fauxto.imaging.preprocess import fit_image, to_input
from fauxto.loading.augment import augment_image
from fauxto.loading.batches import map_ahead


@dataclass(frozen=True)
class LabelledImages:
    """Files and their labels.

    Attributes:
        paths: files, in a fixed order.
        labels: 0 real, 1 fake, in the same order.
    """

    paths: tuple[Path, ...]
    labels: Int64[np.ndarray, " n"]


@dataclass(frozen=True)
class LabelledBatch:
    """What one step of the optimiser sees.

    Attributes:
        inputs: the network's input.
        labels: 0 real, 1 fake.
        paths: the files, for messages.
    """

    inputs: Float32[np.ndarray, "n 3 h w"]
    labels: Int64[np.ndarray, " n"]
    paths: tuple[Path, ...]


def batch_sizes(images: int, batch_size: int) -> list[int]:
    """Return how many images each batch of an epoch holds.

    All hold ``batch_size`` but the last, which holds the rest; a single left-over image joins the
    batch before it, since batch norm cannot learn from one.

    >>> batch_sizes(10, 4), batch_sizes(9, 4), batch_sizes(1, 4)
    ([4, 4, 2], [4, 5], [1])
    """
    full, rest = divmod(images, batch_size)
    sizes = [batch_size] * full
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def iterate_training(
    images: LabelledImages,
    preprocess: Preprocess,
    augment: AugmentRecipe,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    workers: int,
) -> Iterator[LabelledBatch]:
    """Yield every image once, in an order and with changes that seed and epoch decide.

    Args:
        images: the training rows.
        preprocess: of the network.
        augment: changes made to the pictures.
        batch_size: images a batch, up to the ends that ``batch_sizes`` gives.
        seed: of the run.
        epoch: number of the pass, from 1.
        workers: threads that decode.

    Raises:
        DataError: a file of the prepared data set cannot be read any more.
    """
    order = np.random.default_rng((seed, epoch)).permutation(len(images.paths))
    load = partial(_load, images, preprocess, augment, (seed, epoch))
    yield from _batches(images, order.tolist(), load, batch_size, workers)


def iterate_plain(
    images: LabelledImages, preprocess: Preprocess, *, batch_size: int, workers: int
) -> Iterator[LabelledBatch]:
    """Yield every image once, unchanged, in its order.

    Raises:
        DataError: a file of the prepared data set cannot be read any more.
    """
    load = partial(_load, images, preprocess, None, ())
    yield from _batches(images, range(len(images.paths)), load, batch_size, workers)


def _load(
    images: LabelledImages,
    preprocess: Preprocess,
    augment: AugmentRecipe | None,
    seeds: tuple[int, ...],
    index: int,
) -> Float32[np.ndarray, "3 h w"]:
    path = images.paths[index]
    try:
        fitted = fit_image(decode_rgb(read_bytes(path)).rgb, preprocess)
    except UnreadableImage as error:
        raise DataError(
            f"{path} of the prepared data set cannot be read any more ({error}): prepare it again"
        ) from error
    if augment is not None:
        fitted = augment_image(fitted, augment, np.random.default_rng((*seeds, index)))
    return to_input(fitted, preprocess)


def _batches(
    images: LabelledImages,
    order: Sequence[int],
    load: "partial[Float32[np.ndarray, '3 h w']]",
    batch_size: int,
    workers: int,
) -> Iterator[LabelledBatch]:
    inputs = map_ahead(load, order, workers=workers, ahead=2 * batch_size + workers)
    start = 0
    for size in batch_sizes(len(order), batch_size):
        rows = list(order[start : start + size])
        start += size
        yield LabelledBatch(
            np.stack([next(inputs) for _ in rows]),
            images.labels[rows],
            tuple(images.paths[row] for row in rows),
        )
