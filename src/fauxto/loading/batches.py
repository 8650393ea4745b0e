"""Files or bytes to arrays that a network takes, in order and with bounded memory.

Threads do the work: Pillow and numpy let go of the interpreter lock while they decode, scale and
copy, and threads need neither shared memory nor a second interpreter.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float32

from fauxto.core.errors import UnreadableImage
from fauxto.core.records import Preprocess
from fauxto.imaging.decode import Limits, read_bytes
from fauxto.imaging.preprocess import load_fitted, to_input


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


T = TypeVar("T")
R = TypeVar("R")


def map_ahead(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int
) -> Iterator[R]:
    """Yield ``function(item)`` in the order of the items, computed in threads.

    Args:
        function: safe to call from several threads; its exceptions reach the caller.
        items: taken one by one as results are consumed.
        workers: threads, at least 1.
        ahead: most results that exist or are being computed before they are consumed.
    """
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="fauxto-load") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _load_input(
    item: Path | bytes, preprocess: Preprocess, limits: Limits
) -> Float32[np.ndarray, "3 h w"] | UnreadableImage:
    try:
        content = item if isinstance(item, bytes) else read_bytes(item, limits)
        return to_input(load_fitted(content, preprocess, limits), preprocess)
    except UnreadableImage as error:
        return error


def iterate_batches(
    paths: Sequence[Path | bytes],
    preprocess: Preprocess,
    *,
    batch_size: int,
    workers: int,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Iterator[Batch]:
    """Yield every image once, preprocessed, in order; an unreadable one becomes an error.

    Args:
        paths: files, or their bytes.
        preprocess: of the network that takes the batches.
        batch_size: positions a batch covers, readable or not; the last may cover fewer.
        workers: threads that decode.
        limits: bounds on bytes and pixels.

    Yields:
        Batches that together hold each position of ``paths`` exactly once.
    """
    load = partial(_load_input, preprocess=preprocess, limits=limits)
    results = map_ahead(load, paths, workers=workers, ahead=2 * batch_size + workers)
    side = preprocess.size_px
    for start in range(0, len(paths), batch_size):
        indices, inputs, errors = [], [], {}
        for index in range(start, min(start + batch_size, len(paths))):
            result = next(results)
            if isinstance(result, UnreadableImage):
                errors[index] = result
            else:
                indices.append(index)
                inputs.append(result)
        stacked = np.stack(inputs) if inputs else np.empty((0, 3, side, side), np.float32)
        yield Batch(indices, stacked, errors)
