"""Data sets from which every image of some generators or sources is withheld in training."""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import polars as pl

from fauxto.core import storage
from fauxto.core.artifacts import (
    IMAGES,
    ORIGINALS,
    PREPARE,
    FolderState,
    claim_folder,
    finish_folder,
    read_json,
    write_json,
)
from fauxto.core.choices import HeldOutBy
from fauxto.core.labels import LABELS, Split
from fauxto.data.prepared import PLACE_SCHEMA, PreparedDataset, digest_rows
from fauxto.data.table import write_table


def list_values(images: pl.DataFrame, by: HeldOutBy, least: int) -> tuple[list[str], list[str]]:
    """Return the values worth withholding, and those with fewer than ``least`` images; sorted."""
    counts = images[by.value].drop_nulls().value_counts().sort(by.value).rows()
    return [v for v, n in counts if n >= least], [v for v, n in counts if n < least]


def make_folds(
    images: pl.DataFrame, by: HeldOutBy, values: Sequence[str], n: int
) -> list[tuple[str, ...]]:
    """Deal values out to networks, so that each has about as many reals and fakes withheld.

    The largest value first, each to the network from which the fewest images of the value's
    larger class are withheld so far.

    Args:
        images: of the prepared data set.
        by: which column names the values.
        values: at least one.
        n: networks; with more networks than values, each value has its own.
    """
    counts = {
        value: [int(rows["label"].eq(label.value).sum()) for label in LABELS]
        for value in values
        for rows in [images.filter(pl.col(by.value) == value)]
    }
    folds: list[list[str]] = [[] for _ in range(min(n, len(values)))]
    for value in sorted(values, key=lambda value: (-sum(counts[value]), value)):
        larger = counts[value].index(max(counts[value]))
        fewest = min(folds, key=lambda fold: (sum(counts[v][larger] for v in fold), len(fold)))
        fewest.append(value)
    return [tuple(sorted(fold)) for fold in folds]


def name_folder(values: Sequence[str]) -> str:
    """Return a folder's name for values: their letters and digits, and a digest."""
    plain = re.sub(r"[^a-z0-9]+", "-", " ".join(values).lower())[:40].strip("-")
    return f"{plain}-{sha256(repr(tuple(values)).encode()).hexdigest()[:6]}".lstrip("-")


def withhold(base: PreparedDataset, folder: Path, by: HeldOutBy, values: Sequence[str]) -> None:
    """Write a data set in which all images of some values are in test; the others stay.

    Images of the same group as one of them go with it. Pictures stay where they are: the table
    says where.

    Args:
        base: a prepared data set.
        folder: to write; a finished one of the same call stays as it is.
        by: which column names the values.
        values: what is withheld.
    """
    arguments = {"base": base.digest, "by": by.value, "values": list(values)}
    claim = claim_folder(folder, "prepare", arguments)
    if claim.state is FolderState.DONE:
        return
    named = pl.col(by.value).is_in(list(values)).fill_null(value=False)
    groups = base.images.filter(named)["group"].drop_nulls()
    withheld = named | pl.col("group").is_in(groups.implode()).fill_null(value=False)
    split = pl.when(withheld).then(pl.lit(Split.TEST.value)).otherwise(pl.col("split"))
    images = base.locate(base.images["path"])
    places = {
        "address": [_relate(image.address, folder) for image in images],
        "offset": [image.offset for image in images],
        "length": [image.length for image in images],
    }
    name = pl.col("path").str.extract(r"([^/]*)$")
    table = base.images.with_columns(pl.DataFrame(places, schema=PLACE_SCHEMA), split=split)
    table = table.with_columns(path=pl.concat_str("split", "label", name, separator="/"))
    table = table.sort("path")
    write_table(folder / IMAGES, table)
    originals = base.originals()
    if originals is not None:
        write_table(folder / ORIGINALS, originals)
    document = read_json(storage.join(base.root, PREPARE))
    method = f"{by.value}-held-out ({', '.join(values)}); the others: {base.split_method}"
    write_json(folder / PREPARE, {**document, "split_method": method, "digest": digest_rows(table)})
    finish_folder(claim)


def _relate(address: str, folder: Path) -> str:
    """Return a file's address as seen from a folder, so that both can be moved together."""
    if storage.is_url(address):
        return address
    return Path(os.path.relpath(address, folder)).as_posix()
