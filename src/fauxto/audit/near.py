"""Near duplicates over any number of pictures: blocks of them, each compared with each.

A block holds what pictures are compared by. A comparison of two blocks writes how it ties their
rows together, at most one link a row, to a file that is seen whole or not at all; links are
united one file after another. So memory holds two blocks a worker, and eight bytes a picture where
links are united, and a search that was killed compares the blocks that are left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from math import isqrt
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Int64

from fauxto.audit.near_pairs import (
    Looks,
    NearPairs,
    connect,
    find_near_pairs,
    find_near_pairs_between,
)
from fauxto.core import storage
from fauxto.core.progress import Progress, silent
from fauxto.data.table import read_frame, write_table
from fauxto.engine.part import Engine
from fauxto.engine.spread import spread

BLOCK_ROWS: Final = 65_536
"""Pictures of a block: 18 MB, and a second or two for two of them."""
TIMEOUT_S: Final = 3600.0
"""Seconds for two blocks: minutes where most of their pictures look alike."""


@dataclass(frozen=True)
class Near:
    """What near duplicates tie together.

    Attributes:
        links: rows tied to each other, shape (links, 2): as connected as all pairs are.
        mirrored: how many pairs are mirror images.
    """

    links: Int64[np.ndarray, "links 2"]
    mirrored: int


@dataclass(frozen=True)
class Blocks:
    """Pictures by what they are compared by, in files of a folder.

    Attributes:
        folder: path or URL that every worker sees.
        count: of blocks.
        rows: of a block, but the last.
    """

    folder: str
    count: int
    rows: int

    @property
    def comparisons(self) -> int:
        """Pairs of blocks, each with itself too."""
        return self.count * (self.count + 1) // 2

    def write(self, number: int, looks: Looks) -> None:
        """Write a block, unless it is there."""
        address = self._block(number)
        if storage.exists(address):
            return
        grey = looks.thumbnails.reshape(len(looks.hashes), 256)
        columns = {
            "phash": looks.hashes,
            "phash_mirrored": looks.mirrored,
            "grey": pl.Series([row.tobytes() for row in grey], dtype=pl.Binary),
        }
        write_table(address, pl.DataFrame(columns))

    def __call__(self, comparison: int) -> int:
        """Compare two blocks, unless their links are there, and return the number of the latter.

        Args:
            comparison: which two, see ``unrank``.
        """
        address = self._links(comparison)
        if not storage.exists(address):
            write_table(address, self._compare(comparison))
        return comparison

    def links(self, comparison: int) -> Near:
        """Return what a comparison found, by row numbers of the whole."""
        frame = read_frame(self._links(comparison))
        links = frame.select("first", "second").to_numpy().astype(np.int64).reshape(-1, 2)
        return Near(links, int(frame["mirrored"][0]) if frame.height else 0)

    def _compare(self, comparison: int) -> pl.DataFrame:
        first, second = unrank(comparison)
        here = _read_block(self._block(first))
        if first == second:
            pairs = find_near_pairs(here.hashes, here.mirrored, here.thumbnails)
            near = tie(pairs, len(here.hashes))
            rows = np.arange(len(here.hashes)) + first * self.rows
        else:
            there = _read_block(self._block(second))
            n, m = len(here.hashes), len(there.hashes)
            pairs = find_near_pairs_between(here, there)
            near = tie(pairs, n + m, shift=n)
            rows = np.concatenate(
                [np.arange(n) + first * self.rows, np.arange(m) + second * self.rows]
            )
        links = rows[near.links]
        return pl.DataFrame(
            {
                "first": links[:, 0],
                "second": links[:, 1],
                "mirrored": np.full(len(links), near.mirrored),
            }
        )

    def _block(self, number: int) -> str:
        return storage.join(self.folder, f"block-{number:05d}.parquet")

    def _links(self, comparison: int) -> str:
        return storage.join(self.folder, f"links-{comparison:09d}.parquet")


def unrank(comparison: int) -> tuple[int, int]:
    """Return the two blocks of a comparison, such that the second changes least often.

    >>> [unrank(number) for number in range(4)]
    [(0, 0), (0, 1), (1, 1), (0, 2)]
    """
    second = (isqrt(8 * comparison + 1) - 1) // 2
    return comparison - second * (second + 1) // 2, second


@lru_cache(maxsize=2)
def _read_block(address: str) -> Looks:
    frame = read_frame(address)
    grey = np.frombuffer(b"".join(frame["grey"]), dtype=np.uint8).reshape(-1, 16, 16)
    return Looks(frame["phash"].to_numpy(), frame["phash_mirrored"].to_numpy(), grey)


def tie(pairs: NearPairs, n: int, *, shift: int = 0) -> Near:
    """Return links that connect what pairs connect, each from the smallest row of its group.

    Args:
        pairs: rows of them.
        n: rows in all.
        shift: added to the second of each pair, where those are rows of another block.
    """
    root = connect(n, pairs.first, pairs.second + shift)
    tied = np.flatnonzero(root != np.arange(n))
    return Near(np.stack([root[tied], tied], axis=1), int(pairs.mirrored.sum()))


@dataclass(frozen=True)
class Search:
    """How the pictures of a collection are compared.

    Attributes:
        folder: of the blocks, a path or URL that every worker sees.
        engine: who compares them.
        progress: told how many comparisons are done.
        block_rows: pictures of a block.
    """

    folder: str
    engine: Engine
    progress: Progress = silent
    block_rows: int = BLOCK_ROWS


def search_near(looks: Iterator[Looks], how: Search | None) -> Iterator[Near]:
    """Yield how near duplicates tie pictures together, by their number in the order given.

    Args:
        looks: of the pictures, some at a time.
        how: None compares all of them here, at once.

    Raises:
        ArtifactError: blocks or links cannot be written or read, or a worker was lost again and
            again; what was done stays.
        MissingExtra: the engine is not installed.
    """
    cut = _regroup(looks, how.block_rows if how else None)
    first, second = next(cut, None), next(cut, None)
    if first is None:
        return
    if how is None or second is None:
        pairs = find_near_pairs(first.hashes, first.mirrored, first.thumbnails)
        yield tie(pairs, len(first.hashes))
        return
    blocks = Blocks(how.folder, 0, how.block_rows)
    for number, block in enumerate(chain([first, second], cut)):
        blocks = replace(blocks, count=number + 1)
        blocks.write(number, block)
    yield from _compare_all(blocks, how)


def _compare_all(blocks: Blocks, how: Search) -> Iterator[Near]:
    how.progress("near duplicates", 0, blocks.comparisons)
    done = spread(blocks, blocks.comparisons, how.engine, timeout_s=TIMEOUT_S)
    for finished, _ in enumerate(done, start=1):
        how.progress("near duplicates", finished, blocks.comparisons)
    for comparison in range(blocks.comparisons):
        yield blocks.links(comparison)


def _regroup(looks: Iterator[Looks], rows: int | None) -> Iterator[Looks]:
    """Yield the same in blocks of ``rows``, the last smaller; all in one without a number."""
    held: list[Looks] = []
    for some in looks:
        held.append(some)
        while rows is not None and sum(len(one.hashes) for one in held) >= rows:
            whole = _join(held)
            yield whole[:rows]
            held = [whole[rows:]]
    rest = _join(held) if held else None
    if rest is not None and len(rest.hashes):
        yield rest


def _join(looks: list[Looks]) -> Looks:
    return Looks(
        np.concatenate([one.hashes for one in looks]),
        np.concatenate([one.mirrored for one in looks]),
        np.concatenate([one.thumbnails for one in looks]),
    )
