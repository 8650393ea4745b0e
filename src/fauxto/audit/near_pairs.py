"""Near-duplicate search over 64-bit perceptual hashes, and the connected groups it gives.

Two pictures are near duplicates when their hashes differ in at most ``MAX_DISTANCE`` of 64 bits
and their 16 × 16 grey thumbnails correlate by at least ``MIN_CORRELATION``. Both numbers were set
on 1,500 unrelated web pictures and altered copies of them: re-encoding at JPEG quality 50, halving
the size and brightening by a fifth change at most 8 bits in 99 % of the pictures, cropping 3 % of
each side at most 10 in 98 %, cropping 5 % in 84 %; of 1.1 million pairs of unrelated pictures one
came within 10 bits, with correlation 0.80. Without the second condition a set of 60,000 would hold
some thousand false pairs, and groups are transitive: each would tie two groups together.

The search is exact (multi-index hashing, Norouzi, Punjani and Fleet 2012): hashes are cut into
four bands of 16 bits, and two hashes within 11 bits agree in some band up to 2 bits, so every
pair is among the candidates got by looking up each band with 0, 1 or 2 bits changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MAX_DISTANCE: Final = 10
MIN_CORRELATION: Final = 0.9

_BANDS: Final = 4
_BAND_BITS: Final = 16
_LARGEST_DISTANCE: Final = 3 * _BANDS - 1  # what two changed bits in one band can reach
_CHUNK: Final = 2_000_000  # candidate pairs held at once: about 100 MB
_PAIRS: Final = 10_000  # pairs of thumbnails compared at once: about 30 MB
_MASKS: Final = np.array(
    [sum(1 << bit for bit in bits) for n in range(3) for bits in combinations(range(16), n)],
    dtype=np.int64,
)


@dataclass(frozen=True)
class NearPairs:
    """Pairs of rows that look alike, each once.

    Attributes:
        first: row numbers, shape (pairs,); smaller than ``second``.
        second: row numbers, shape (pairs,).
        distance: differing bits of the hashes, shape (pairs,).
        mirrored: whether one is the other's mirror image, shape (pairs,).
    """

    first: Int64[np.ndarray, " pairs"]
    second: Int64[np.ndarray, " pairs"]
    distance: UInt8[np.ndarray, " pairs"]
    mirrored: Bool[np.ndarray, " pairs"]


@dataclass(frozen=True)
class Looks:
    """What pictures are compared by.

    Attributes:
        hashes: perceptual hashes, shape (n,).
        mirrored: hashes of the mirrored pictures, shape (n,).
        thumbnails: grey levels from 0 to 255, shape (n, 16, 16).
    """

    hashes: UInt64[np.ndarray, " n"]
    mirrored: UInt64[np.ndarray, " n"]
    thumbnails: UInt8[np.ndarray, "n 16 16"]

    def __getitem__(self, rows: slice) -> "Looks":
        return Looks(self.hashes[rows], self.mirrored[rows], self.thumbnails[rows])


def find_near_pairs(
    hashes: UInt64[np.ndarray, " n"],
    mirrored: UInt64[np.ndarray, " n"],
    thumbnails: UInt8[np.ndarray, "n 16 16"],
    *,
    max_distance: int = MAX_DISTANCE,
    min_correlation: float = MIN_CORRELATION,
) -> NearPairs:
    """Return every pair of near duplicates, plain or mirrored left to right.

    Args:
        hashes: perceptual hashes.
        mirrored: hashes of the mirrored pictures.
        thumbnails: grey levels from 0 to 255. Pictures without detail have meaningless hashes
            and should be left out by the caller.
        max_distance: largest number of differing bits, at most 11.
        min_correlation: least Pearson correlation of the thumbnails.

    Raises:
        ValueError: ``max_distance`` is beyond what the search finds.
    """
    if not 0 <= max_distance <= _LARGEST_DISTANCE:
        raise ValueError(f"max_distance must be from 0 to {_LARGEST_DISTANCE}, got {max_distance}")
    plain = _close_pairs(hashes, hashes, max_distance, symmetric=True, same=True)
    flipped = _close_pairs(mirrored, hashes, max_distance, same=True)
    plain = plain[_correlation(thumbnails, thumbnails, plain) >= min_correlation]
    flipped = flipped[_correlation(thumbnails[:, :, ::-1], thumbnails, flipped) >= min_correlation]
    flipped = np.unique(np.sort(flipped, axis=1), axis=0)
    # One picture's mirror image may be near where the other's is not: it must hold both ways.
    flipped = flipped[_distance(hashes, mirrored, flipped) <= max_distance]
    flipped = flipped[_distance(mirrored, hashes, flipped) <= max_distance]
    n = len(hashes)
    flipped = flipped[~np.isin(flipped @ (n, 1), plain @ (n, 1))]
    first, second = np.concatenate([plain, flipped]).T
    distance = np.concatenate(
        [_distance(hashes, hashes, plain), _distance(mirrored, hashes, flipped)]
    )
    is_flipped = np.arange(len(first)) >= len(plain)
    return NearPairs(first, second, distance, is_flipped)


def find_near_pairs_between(left: Looks, right: Looks) -> NearPairs:
    """Return every pair of near duplicates with one picture on either side.

    With the pairs inside each side, by ``find_near_pairs``, they are those of both together.

    Args:
        left: pictures; ``first`` of the pairs is a row of it.
        right: other pictures; ``second`` of the pairs is a row of it.
    """
    plain = _close_pairs(left.hashes, right.hashes, MAX_DISTANCE)
    plain = plain[_correlation(left.thumbnails, right.thumbnails, plain) >= MIN_CORRELATION]
    flipped = _close_pairs(left.mirrored, right.hashes, MAX_DISTANCE)
    # It must hold both ways, so that one way round finds them all.
    flipped = flipped[_distance(left.hashes, right.mirrored, flipped) <= MAX_DISTANCE]
    there = _correlation(left.thumbnails[:, :, ::-1], right.thumbnails, flipped)
    back = _correlation(right.thumbnails[:, :, ::-1], left.thumbnails, flipped[:, ::-1])
    flipped = flipped[np.maximum(there, back) >= MIN_CORRELATION]
    width = (max(len(right.hashes), 1), 1)
    flipped = flipped[~np.isin(flipped @ width, plain @ width)]
    first, second = np.concatenate([plain, flipped]).T
    distance = np.concatenate(
        [
            _distance(left.hashes, right.hashes, plain),
            _distance(left.mirrored, right.hashes, flipped),
        ]
    )
    return NearPairs(first, second, distance, np.arange(len(first)) >= len(plain))


def connect(
    n: int, first: Int64[np.ndarray, " pairs"], second: Int64[np.ndarray, " pairs"]
) -> Int64[np.ndarray, " n"]:
    """Return for each of ``n`` rows the smallest row number that pairs connect it to.

    A row without a pair gets its own number.
    """
    links = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(n, n))
    _, component = connected_components(links, directed=False)
    smallest = np.full(n, n, dtype=np.int64)
    np.minimum.at(smallest, component, np.arange(n))
    return smallest[component]


def connect_all(n: int, links: Iterable[Int64[np.ndarray, "links 2"]]) -> Int64[np.ndarray, " n"]:
    """Return what ``connect`` returns, for pairs that come some at a time.

    Memory holds 8 bytes a row, and one batch of pairs.
    """
    root = np.arange(n, dtype=np.int64)
    for batch in links:
        ends = batch
        while not np.array_equal(above := root[ends], ends):
            ends = above
        rows, place = np.unique(ends, return_inverse=True)
        place = place.reshape(-1, 2)
        root[rows] = rows[connect(len(rows), place[:, 0], place[:, 1])]
    while not np.array_equal(above := root[root], root):
        root = above
    return root


def _close_pairs(
    queries: UInt64[np.ndarray, " n"],
    hashes: UInt64[np.ndarray, " n"],
    max_distance: int,
    *,
    symmetric: bool = False,
    same: bool = False,
) -> Int64[np.ndarray, "pairs 2"]:
    """Return pairs (query, hash) within a distance.

    With ``same`` both are of the same rows, and none is paired with itself. With ``symmetric`` the
    queries are the hashes, and of two mirror-image pairs one is given.
    """
    n = len(hashes)
    found = [np.empty(0, dtype=np.int64)]
    for band in range(_BANDS):
        query_keys = _band_keys(queries, band)
        keys = _band_keys(hashes, band)
        query_order = np.argsort(query_keys, kind="stable")
        order = np.argsort(keys, kind="stable")
        bounds = np.searchsorted(keys[order], np.arange((1 << _BAND_BITS) + 1))
        sorted_queries, sorted_hashes = queries[query_order], hashes[order]
        sorted_query_keys = query_keys[query_order]
        for mask in _MASKS:
            bucket = sorted_query_keys ^ mask
            low, size = bounds[bucket], bounds[bucket + 1] - bounds[bucket]
            if symmetric and mask:
                size = np.where(sorted_query_keys < bucket, size, 0)
            for query, candidate in _expand(low, size):
                difference = sorted_queries[query] ^ sorted_hashes[candidate]
                near = np.flatnonzero(np.bitwise_count(difference) <= max_distance)
                i, j = query_order[query[near]], order[candidate[near]]
                if symmetric:
                    i, j = np.minimum(i, j), np.maximum(i, j)
                if same:
                    i, j = i[i != j], j[i != j]
                found.append(i * n + j)
    codes = np.unique(np.concatenate(found))
    return np.stack([codes // max(n, 1), codes % max(n, 1)], axis=1)


def _distance(
    left: UInt64[np.ndarray, " n"],
    right: UInt64[np.ndarray, " n"],
    pairs: Int64[np.ndarray, "pairs 2"],
) -> UInt8[np.ndarray, " pairs"]:
    return np.bitwise_count(left[pairs[:, 0]] ^ right[pairs[:, 1]])


def _band_keys(hashes: UInt64[np.ndarray, " n"], band: int) -> Int64[np.ndarray, " n"]:
    shift = np.uint64(band * _BAND_BITS)
    return ((hashes >> shift) & np.uint64((1 << _BAND_BITS) - 1)).astype(np.int64)


def _expand(
    low: Int64[np.ndarray, " n"], size: Int64[np.ndarray, " n"]
) -> Iterator[tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]]:
    """Yield (row, candidate) for every candidate in ``low[row] … low[row] + size[row] - 1``."""
    rows = np.flatnonzero(size)
    ends = np.cumsum(size[rows])
    if not rows.size:
        return
    cuts = np.searchsorted(ends, np.arange(0, int(ends[-1]), _CHUNK)[1:])
    for part in np.split(np.arange(rows.size), np.unique(cuts)):
        chunk_rows, chunk_size = rows[part], size[rows[part]]
        start = np.cumsum(chunk_size) - chunk_size
        offset = np.repeat(low[chunk_rows] - start, chunk_size)
        yield np.repeat(chunk_rows, chunk_size), offset + np.arange(offset.size)


def _correlation(
    left: UInt8[np.ndarray, "n 16 16"],
    right: UInt8[np.ndarray, "n 16 16"],
    pairs: Int64[np.ndarray, "pairs 2"],
) -> np.ndarray:
    result = np.empty(len(pairs), dtype=np.float32)
    for begin in range(0, len(pairs), _PAIRS):
        part = pairs[begin : begin + _PAIRS]
        a, b = _standardise(left[part[:, 0]]), _standardise(right[part[:, 1]])
        result[begin : begin + _PAIRS] = (a * b).sum(axis=1)
    return result


def _standardise(thumbnails: UInt8[np.ndarray, "n 16 16"]) -> np.ndarray:
    grey = thumbnails.reshape(len(thumbnails), 256).astype(np.float32)
    grey -= grey.mean(axis=1, keepdims=True)
    return grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6)
