"""Pictures that occur more than once: within a class, across labels, across splits."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import polars as pl

from fauxto.audit.near import Search, search_near
from fauxto.audit.near_pairs import Looks, connect_all
from fauxto.audit.records import Finding, count_words, describe_rows

MIN_DETAIL: Final = 4.0
"""Standard deviation of a 16 × 16 grey thumbnail, in levels of 255, below which a picture is too
plain for its perceptual hash to mean anything: only exact copies of it are searched."""

_GREY_ROWS: Final = 2048  # thumbnails turned grey at once; bounds the memory that this takes


@dataclass(frozen=True)
class Duplicates:
    """What the search found.

    Attributes:
        findings: about exact and near copies, labels and splits.
        groups: columns ``path`` and ``group``, a row for each row of the images, sorted by path;
            ``group`` is the first path of the connected group, null for a picture alone.
    """

    findings: tuple[Finding, ...]
    groups: pl.DataFrame


def find_duplicates(
    images: pl.DataFrame, thumbnails: pl.DataFrame | pl.LazyFrame, search: Search | None = None
) -> Duplicates:
    """Search exact copies (of bytes, of pixels) and near ones (mirrored too) and connect them.

    Args:
        images: the table of images.
        thumbnails: see ``tables.THUMBNAIL_SCHEMA``; files without a row there are compared by
            their bytes only.
        search: how near ones are compared where there are many; default all at once, here.
    """
    thumbnails = thumbnails.lazy()
    pixels = thumbnails.select("path", "pixel_sha256", "phash_mirrored").collect()
    pixels = pixels.with_row_index("pixels")
    rows = images.drop("group", strict=False).join(pixels, on="path", how="left").sort("path")
    rows = rows.with_row_index("row")
    same_bytes = _copies(rows, "sha256")
    same_pixels = _copies(rows, "pixel_sha256")
    has_near = np.zeros(rows.height, dtype=bool)
    mirrored = 0

    def near() -> Iterator[np.ndarray]:
        nonlocal mirrored
        for links, flipped in _near(rows, thumbnails, search):
            has_near[links] = True
            mirrored += flipped
            yield links

    root = connect_all(rows.height, chain([same_bytes, same_pixels], near()))
    rows = rows.with_columns(root=pl.Series(root, dtype=pl.Int64))
    rows = rows.with_columns(
        size=pl.len().over("root"),
        labels=pl.col("label").n_unique().over("root"),
        splits=pl.col("split").drop_nulls().n_unique().over("root"),
        group=pl.col("path").first().over("root"),
    )
    findings = (
        *_severe(rows),
        *_plain(rows, same_bytes, "exact", "are byte for byte copies of another"),
        *_plain(rows, same_pixels, "pixels", "have exactly the pixels of another file"),
        *_plain(
            rows,
            np.flatnonzero(has_near),
            "near",
            "look almost like another",
            evidence={"mirrored_pairs": mirrored},
        ),
    )
    group = pl.when(pl.col("size") > 1).then("group").alias("group")
    return Duplicates(findings, rows.select("path", group))


def _copies(rows: pl.DataFrame, column: str) -> np.ndarray:
    """Return pairs (first row with a digest, later row with it), shape (pairs, 2)."""
    known = rows.filter(pl.col(column).is_not_null())
    pairs = known.select(pl.col("row").first().over(column).alias("first"), "row")
    return pairs.filter(pl.col("first") != pl.col("row")).to_numpy().astype(np.int64).reshape(-1, 2)


def _near(
    rows: pl.DataFrame, thumbnails: pl.LazyFrame, search: Search | None
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield links between near duplicates that are not pixel copies, shape (links, 2), by rows,
    and how many pairs are mirrored.
    """  # noqa: D205 - one sentence
    known = rows.filter(pl.all_horizontal(pl.col("phash", "phash_mirrored").is_not_null()))
    known = known.unique("pixel_sha256", keep="first", maintain_order=True).sort("pixels")
    numbers: list[np.ndarray] = []

    def looks() -> Iterator[Looks]:
        for looked, row in _look(known, thumbnails):
            numbers.append(row)
            yield looked

    for near in search_near(looks(), search):
        # By now every picture was looked at.
        yield np.concatenate(numbers)[near.links], near.mirrored


def _look(known: pl.DataFrame, thumbnails: pl.LazyFrame) -> Iterator[tuple[Looks, np.ndarray]]:
    """Yield what pictures with detail are compared by, some at a time, and their rows."""
    pixels = known["pixels"].to_numpy()
    columns = known.select("phash", "phash_mirrored", "row")
    total = thumbnails.select(pl.len()).collect().item()
    for start in range(0, total, _GREY_ROWS):
        first, last = np.searchsorted(pixels, (start, start + _GREY_ROWS))
        if first == last:
            continue
        here = columns[int(first) : int(last)]
        thumbs = thumbnails.select("thumb16").slice(start, _GREY_ROWS).collect()["thumb16"]
        grey = _grey(thumbs.gather(pixels[first:last] - start))
        detailed = grey.reshape(len(grey), 256).std(axis=1) >= MIN_DETAIL
        here = here.filter(pl.Series(detailed))
        looks = Looks(
            here["phash"].cast(pl.UInt64).to_numpy(),
            here["phash_mirrored"].cast(pl.UInt64).to_numpy(),
            grey[detailed],
        )
        yield looks, here["row"].to_numpy().astype(np.int64)


def _grey(thumbs: pl.Series) -> np.ndarray:
    """Return grey levels of 16 × 16 RGB thumbnails, shape (n, 16, 16), uint8; 0 where null."""
    grey = np.zeros((len(thumbs), 16, 16), dtype=np.uint8)
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    rgb = np.frombuffer(b"".join(thumbs.drop_nulls()), dtype=np.uint8).reshape(-1, 16, 16, 3)
    grey[thumbs.is_not_null().to_numpy()] = np.rint(rgb @ weights)
    return grey


def _plain(
    rows: pl.DataFrame,
    pairs: np.ndarray,
    kind: str,
    words: str,
    evidence: dict[str, float] | None = None,
) -> list[Finding]:
    concerned = rows.filter(pl.col("row").is_in(np.unique(pairs))).sort("group", "path")
    if concerned.is_empty():
        return []
    largest = int(concerned["size"].to_numpy().max())
    numbers = {"groups": float(concerned["group"].n_unique()), "largest_group": float(largest)}
    finding = describe_rows(
        f"duplicates.{kind}",
        "warning",
        concerned,
        title=f"{count_words(concerned.height, 'image')} {words}",
        advice="Copies count several times in training and make scores look surer than they are. "
        "'fauxto prepare --split grouped' keeps each group on one side of the split.",
        evidence={**numbers, **(evidence or {})},
    )
    return [finding]


def _severe(rows: pl.DataFrame) -> list[Finding]:
    conflicts = rows.filter(pl.col("labels") > 1).sort("group", "label", "path")
    leaks = rows.filter(pl.col("splits") > 1).sort("group", "split", "path")
    findings = []
    if conflicts.height:
        groups = conflicts["group"].n_unique()
        findings.append(
            describe_rows(
                "duplicates.across_labels",
                "blocking",
                conflicts,
                title=f"{count_words(groups, 'picture')} labelled both real and fake",
                advice="One of the labels is wrong, or a fake is an edit of the real picture. "
                "Look at each group and keep one label, or leave the group out.",
                evidence={"groups": groups},
            )
        )
    if leaks.height:
        groups = leaks["group"].n_unique()
        findings.append(
            describe_rows(
                "duplicates.across_splits",
                "blocking",
                leaks,
                title=f"{count_words(groups, 'picture')} in more than one split",
                advice="Test results are too good where test pictures were trained on. "
                "Split again with 'fauxto prepare --split grouped'.",
                evidence={"groups": groups},
            )
        )
    return findings
