"""Images or their bytes to arrays that a network takes, in order and with bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float32

from fauxto.core.errors import UnreadableImage
from fauxto.core.records import Preprocess
from fauxto.data.stored import StoredImage, read_image
from fauxto.imaging.decode import Limits
from fauxto.imaging.preprocess import load_fitted, to_input
from fauxto.loading.ahead import map_ahead


@dataclass(frozen=True)
class Batch:
    """Images next to each other in the caller's order.

    Attributes:
        indices: position of each readable image in the caller's sequence, ascending.
        inputs: the network's input for each of ``indices``, in the same order.
        errors: what became of the unreadable images, by position.
    """

    indices: list[int]
    inputs: Float32[np.ndarray, "n 3 h w"]
    errors: dict[int, UnreadableImage]


def _load_input(
    item: StoredImage | bytes, preprocess: Preprocess, limits: Limits
) -> Float32[np.ndarray, "3 h w"] | UnreadableImage:
    try:
        content = item if isinstance(item, bytes) else read_image(item, limits)
        return to_input(load_fitted(content, preprocess, limits), preprocess)
    except UnreadableImage as error:
        return error


def iterate_batches(
    images: Sequence[StoredImage | bytes],
    preprocess: Preprocess,
    *,
    batch_size: int,
    workers: int,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Iterator[Batch]:
    """Yield every image once, preprocessed, in order; an unreadable one becomes an error.

    Args:
        images: where their bytes are, or the bytes.
        preprocess: of the network that takes the batches.
        batch_size: positions a batch covers, readable or not; the last may cover fewer.
        workers: threads that decode.
        limits: bounds on bytes and pixels.

    Yields:
        Batches that together hold each position of ``images`` exactly once.
    """
    load = partial(_load_input, preprocess=preprocess, limits=limits)
    results = map_ahead(load, images, workers=workers, ahead=2 * batch_size + workers)
    side = preprocess.size_px
    for start in range(0, len(images), batch_size):
        indices, inputs, errors = [], [], {}
        for index in range(start, min(start + batch_size, len(images))):
            result = next(results)
            if isinstance(result, UnreadableImage):
                errors[index] = result
            else:
                indices.append(index)
                inputs.append(result)
        stacked = np.stack(inputs) if inputs else np.empty((0, 3, side, side), np.float32)
        yield Batch(indices, stacked, errors)
