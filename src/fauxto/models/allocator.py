"""Memory that large tensors leave behind is kept for the next ones, where the C library allows."""

import ctypes
import sys
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
_NEVER: Final = 2**31 - 1


def keep_freed_memory() -> None:
    """Tell glibc to hand freed memory out again instead of giving it back to the kernel.

    A network's activations are freed and asked for again at each step. By default glibc maps and
    unmaps each large one, and the kernel clears every page anew: on a CPU that costs up to half of
    a step of a small network. Results do not change. The process keeps its peak memory until it
    ends. Elsewhere than on Linux with glibc this does nothing.

    Source:
        mallopt(3): ``M_MMAP_MAX`` and ``M_TRIM_THRESHOLD``.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _NEVER)
