"""A function over items in threads, ahead of whoever takes the results.

Threads do the work: Pillow and numpy let go of the interpreter lock while they decode, scale and
copy, and threads need neither shared memory nor a second interpreter.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

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
