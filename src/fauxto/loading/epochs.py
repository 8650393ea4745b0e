"""One pass over the training rows: shuffled, augmented, in batches, in the same order each time.

Nothing is carried from one epoch to the next: shuffling and augmentation follow from seed, epoch
and row alone, so that a run resumed after any epoch goes on exactly as if it had not stopped.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from jaxtyping import Float32, Int64

from fauxto.core.errors import DataError, UnreadableImage
from fauxto.core.recipe import AugmentRecipe
from fauxto.core.records import Preprocess
from fauxto.data.stored import StoredImage, read_image
from fauxto.imaging.decode import Limits, decode_rgb
from fauxto.imaging.normalise import write_normalised
from fauxto.imaging.preprocess import fit_image
from fauxto.loading.ahead import map_ahead
from fauxto.loading.augment import augment_image

_LIMITS: Final = Limits()


@dataclass(frozen=True)
class LabelledImages:
    """Pictures, wherever their bytes lie, and their labels.

    Attributes:
        images: in a fixed order.
        labels: 0 real, 1 fake, in the same order.
    """

    images: tuple[StoredImage, ...]
    labels: Int64[np.ndarray, " n"]


@dataclass(frozen=True)
class Shard:
    """The part of every batch that one of several processes takes.

    Attributes:
        rank: number of this process, from 0.
        world: processes that train together.
    """

    rank: int = 0
    world: int = 1


WHOLE: Final = Shard()
"""All of every batch: one process alone."""


@dataclass(frozen=True)
class LabelledBatch:
    """What one pass through the network sees, or this process's share of it.

    Attributes:
        inputs: the network's input; channels lie last in memory.
        labels: 0 real, 1 fake.
        images: where they are from, for messages.
        batch_labels: labels of the whole batch, over all processes.
        counts: False where the batch has fewer images than there are processes and this one got
            another's image, so as to have something to compute: it must not count.
    """

    inputs: Float32[np.ndarray, "n 3 h w"]
    labels: Int64[np.ndarray, " n"]
    images: tuple[StoredImage, ...]
    batch_labels: Int64[np.ndarray, " whole"]
    counts: bool = True


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
    shard: Shard = WHOLE,
) -> Iterator[LabelledBatch]:
    """Yield every image once, in an order and with changes that seed and epoch decide.

    Args:
        images: the training rows.
        preprocess: of the network.
        augment: changes made to the pictures.
        batch_size: images a batch over all processes, up to the ends that ``batch_sizes`` gives.
        seed: of the run.
        epoch: number of the pass, from 1.
        workers: threads that decode.
        shard: which part of each batch to yield.

    Raises:
        DataError: a file of the prepared data set cannot be read any more.
    """
    order = np.random.default_rng((seed, epoch)).permutation(len(images.images))
    load = partial(_load, images, preprocess, augment, (seed, epoch))
    sizes = batch_sizes(len(order), batch_size)
    batches = _split_batches(order, sizes, shard, at_least_one=True)
    yield from _read_batches(images, preprocess, batches, load, workers)


def iterate_plain(
    images: LabelledImages,
    preprocess: Preprocess,
    *,
    batch_size: int,
    workers: int,
    shard: Shard = WHOLE,
) -> Iterator[LabelledBatch]:
    """Yield every image once, unchanged, in its order; over all shards too, with none twice.

    Raises:
        DataError: a file of the prepared data set cannot be read any more.
    """
    load = partial(_load, images, preprocess, None, ())
    order = np.arange(len(images.images))
    sizes = batch_sizes(len(order), batch_size)
    batches = _split_batches(order, sizes, shard, at_least_one=False)
    yield from _read_batches(images, preprocess, batches, load, workers)


@dataclass(frozen=True)
class _Rows:
    """Rows of one batch: all of it, and what this process takes."""

    whole: Int64[np.ndarray, " whole"]
    own: Int64[np.ndarray, " n"]
    counts: bool


def _split_batches(
    order: Int64[np.ndarray, " n"], sizes: Sequence[int], shard: Shard, *, at_least_one: bool
) -> list[_Rows]:
    batches = []
    for whole in np.split(order, np.cumsum(sizes)[:-1]):
        own = whole[shard.rank :: shard.world]
        counts = len(own) > 0
        if not counts and at_least_one:
            own = whole[:1]
        if len(own):
            batches.append(_Rows(whole, own, counts))
    return batches


def _load(
    images: LabelledImages,
    preprocess: Preprocess,
    augment: AugmentRecipe | None,
    seeds: tuple[int, ...],
    place: tuple[int, Float32[np.ndarray, "h w 3"]],
) -> None:
    """Write one image into its place in a batch."""
    index, out = place
    image = images.images[index]
    try:
        fitted = fit_image(decode_rgb(read_image(image, _LIMITS)).rgb, preprocess)
    except UnreadableImage as error:
        raise DataError(
            f"{image.place} of the prepared data set cannot be read any more ({error}): prepare it "
            "again"
        ) from error
    if augment is not None:
        fitted = augment_image(fitted, augment, np.random.default_rng((*seeds, index)))
    write_normalised(fitted, preprocess, out)


def _read_batches(
    images: LabelledImages,
    preprocess: Preprocess,
    batches: Sequence[_Rows],
    load: "partial[None]",
    workers: int,
) -> Iterator[LabelledBatch]:
    """Yield the batches; each is filled in place by threads, a batch ahead of the network."""
    filling: deque[Float32[np.ndarray, "n h w 3"]] = deque()
    side = preprocess.size_px

    def places() -> Iterator[tuple[int, Float32[np.ndarray, "h w 3"]]]:
        for rows in batches:
            filling.append(np.empty((len(rows.own), side, side, 3), np.float32))
            yield from zip(rows.own.tolist(), filling[-1], strict=True)

    largest = max((len(rows.own) for rows in batches), default=0)
    loaded = map_ahead(load, places(), workers=workers, ahead=2 * largest + workers)
    for rows in batches:
        for _ in range(len(rows.own)):
            next(loaded)
        yield LabelledBatch(
            filling.popleft().transpose(0, 3, 1, 2),
            images.labels[rows.own],
            tuple(images.images[row] for row in rows.own),
            images.labels[rows.whole],
            rows.counts,
        )
