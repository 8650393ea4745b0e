"""Time and memory of the near-duplicate search on random hashes with planted duplicates.

Usage: python bench/duplicates.py [N ...]; default 60,000 and 1,000,000. Each size runs in a
process of its own, so that its peak memory is its own. python bench/duplicates.py --blocks compares
two blocks, as the search over everything does again and again.
"""

import resource
import subprocess
import sys
import time

import numpy as np

LIMITS = {60_000: (10, 500), 1_000_000: (300, 4096)}
"""Images: seconds, MB."""


def measure(n: int) -> None:
    """Search ``n`` hashes once and print what it took; exit with 1 outside the limits."""
    from fauxto.audit.near_pairs import connect, find_near_pairs

    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    thumbnails = rng.integers(0, 256, (n, 16, 16), dtype=np.uint8)
    planted = n // 50
    for copy in range(planted):  # rows n/2 … are copies of rows 0 …, up to 10 bits away
        bits = rng.choice(64, copy % 11, replace=False)
        changed = np.bitwise_xor.reduce(np.uint64(1) << bits.astype(np.uint64), initial=0)
        hashes[n // 2 + copy] = hashes[copy] ^ np.uint64(changed)
    thumbnails[n // 2 : n // 2 + planted] = thumbnails[:planted] // 8 * 8
    mirrored = rng.integers(0, 2**64, n, dtype=np.uint64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    pairs = find_near_pairs(hashes, mirrored, thumbnails)
    groups = connect(n, pairs.first, pairs.second)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = int((groups[n // 2 : n // 2 + planted] == np.arange(planted)).sum())
    print(
        f"{n:,} hashes: {seconds:.1f} s, peak {peak:.0f} MB ({before:.0f} MB before the search), "
        f"{found:,} of {planted:,} planted found, {len(pairs.first) - found:,} others"
    )
    limit_s, limit_mb = LIMITS.get(n, (float("inf"), float("inf")))
    if found < planted or seconds > limit_s or peak > limit_mb:
        sys.exit(f"outside the limit: {limit_s} s, {limit_mb} MB, all planted found")


def measure_blocks() -> None:
    """Compare two blocks of random hashes and print what one comparison takes."""
    from fauxto.audit.near import BLOCK_ROWS
    from fauxto.audit.near_pairs import Looks, find_near_pairs_between

    rng = np.random.default_rng(0)
    left, right = (
        Looks(
            *rng.integers(0, 2**64, (2, BLOCK_ROWS), dtype=np.uint64),
            rng.integers(0, 256, (BLOCK_ROWS, 16, 16), dtype=np.uint8),
        )
        for _ in range(2)
    )
    start = time.process_time()
    find_near_pairs_between(left, right)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"two blocks of {BLOCK_ROWS:,}: {seconds:.1f} s of one core, peak {peak:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--blocks"]:
        measure_blocks()
    elif sys.argv[1:2] == ["--one"]:
        measure(int(sys.argv[2]))
    else:
        for size in sys.argv[1:] or map(str, LIMITS):
            subprocess.run([sys.executable, __file__, "--one", size], check=True)
