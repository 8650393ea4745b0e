"""A prepared data set: equal-sized pictures, their table and their preprocessing.

Pictures are files of their own, or lie in tar shards. The table of a data set in shards has three
columns more: ``address`` of the file that holds a picture's bytes, relative to the data set's
folder, and ``offset`` and ``length`` of the bytes in it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl
from pydantic import ValidationError

from fauxto.core import storage
from fauxto.core.artifacts import IMAGES, ORIGINALS, PREPARE, STAMP, read_json, require_finished
from fauxto.core.errors import ArtifactError
from fauxto.core.labels import LABELS, Label, Split
from fauxto.core.records import ClassCounts, DataSummary, Preprocess
from fauxto.core.storage import Address
from fauxto.data.stored import StoredImage
from fauxto.data.table import read_images

PLACE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "address": pl.String(),
    "offset": pl.Int64(),
    "length": pl.Int64(),
}
"""Columns that say where a picture's bytes are; without them, in the file ``path``."""

_LOCATED: Final = (
    "path", "label", "split", "source", "generator", "sha256", *PLACE_SCHEMA,
)  # fmt: skip


@dataclass(frozen=True)
class PreparedDataset:
    """What ``fauxto prepare`` wrote.

    Attributes:
        root: its folder, as path or URL; the table's paths are relative to it.
        images: one row a picture, sorted by path, with the extra column ``original``.
        preprocess: size, fit and resampling of the pictures; mean and standard deviation are the
            network's matter and stand here at their defaults.
        split_method: how the splits were made, in words.
        digest: 64 hexadecimal digits over path, label, split and content of every picture.
        licences: of each source's pictures, where the data told.
    """

    root: str
    images: pl.DataFrame
    preprocess: Preprocess
    split_method: str
    digest: str
    licences: Mapping[str, str] = field(default_factory=dict)

    def rows(self, split: Split) -> pl.DataFrame:
        """Return the rows of a split, sorted by path."""
        return self.images.filter(pl.col("split") == split.value)

    def originals(self) -> pl.DataFrame | None:
        """Return what the audit knew of each picture's file, by its ``path`` before preparing.

        None for a data set made before such facts were kept.
        """
        address = storage.join(self.root, ORIGINALS)
        return read_images(address) if storage.exists(address) else None

    def locate(self, paths: Iterable[str]) -> list[StoredImage]:
        """Return where pictures are that the table names by ``path``, in the order asked for.

        Raises:
            ArtifactError: a shard that holds some of them is missing or cut short.
        """
        asked = pl.DataFrame({"path": list(paths)}, schema={"path": pl.String})
        rows = asked.join(self.images, on="path", how="left", maintain_order="left")
        missing = [name for name in PLACE_SCHEMA if name not in rows.columns]
        rows = rows.with_columns(pl.lit(None, PLACE_SCHEMA[name]).alias(name) for name in missing)
        images = [
            StoredImage(
                path=row["path"],
                address=_resolve(self.root, row["address"] or row["path"]),
                offset=row["offset"],
                length=row["length"],
                label=Label(row["label"]),
                split=Split(row["split"]),
                source=row["source"],
                generator=row["generator"],
                sha256=row["sha256"],
            )
            for row in rows.select(*_LOCATED).iter_rows(named=True)
        ]
        _check_shards(images)
        return images

    def summary(self) -> DataSummary:
        """Return counts per split, and per source and generator of the training rows."""
        counts = {}
        for split in Split:
            labels = self.rows(split)["label"]
            counts[split.value] = ClassCounts(
                **{label.value: int((labels == label.value).sum()) for label in LABELS}
            )
        train = self.rows(Split.TRAIN)
        sources = _count(train["source"])
        return DataSummary(
            digest=self.digest,
            counts=counts,
            sources=sources,
            licences={name: self.licences[name] for name in sources if name in self.licences},
            generators=_count(train["generator"]),
            split_method=self.split_method,
        )


def is_prepared(folder: Address) -> bool:
    """Return whether ``fauxto prepare`` wrote a folder, finished or not."""
    stamp = storage.join(folder, STAMP)
    return storage.exists(stamp) and read_json(stamp).get("verb") == "prepare"


def open_dataset(folder: Address) -> PreparedDataset:
    """Open a folder, on disk or at a URL, written by ``fauxto prepare``.

    Raises:
        ArtifactError: it is not one, is unfinished, or is damaged.
    """
    require_finished(folder, "prepare")
    document = read_json(storage.join(folder, PREPARE))
    images = read_images(storage.join(folder, IMAGES)).sort("path")
    try:
        preprocess = Preprocess.model_validate(document["preprocess"])
        split_method = str(document["split_method"])
    except (KeyError, ValidationError) as error:
        raise ArtifactError(f"{folder}/{PREPARE} is damaged ({error}): prepare again") from error
    licences = document.get("licences", {})  # older data sets have none
    digest = digest_rows(images)
    return PreparedDataset(str(folder), images, preprocess, split_method, digest, licences)


def _resolve(root: str, address: str) -> str:
    return address if storage.is_url(address) else storage.join(root, address)


def _check_shards(images: Sequence[StoredImage]) -> None:
    """Tell of a damaged shard before the work begins, with one listing a folder of shards."""
    ends: dict[str, int] = {}
    for image in images:
        if image.offset is not None and image.length is not None:
            end = image.offset + image.length
            ends[image.address] = max(end, ends.get(image.address, 0))
    sizes: dict[str, int | None] = {}
    for folder in {address.rpartition("/")[0] for address in ends}:
        if storage.is_folder(folder):
            files = storage.walk(folder)
            sizes |= {f"{folder}/{file.address.rpartition('/')[2]}": file.size for file in files}
    for address, end in sorted(ends.items()):
        size = sizes.get(address, 0)
        if size is None or size >= end:
            continue
        found = f"ends after {size:,} of {end:,} bytes" if address in sizes else "does not exist"
        raise ArtifactError(
            f"the shard {address} {found}: copy it again from where the data set was made, or "
            "prepare the data again with --overwrite"
        )


def digest_rows(images: pl.DataFrame) -> str:
    """Return the SHA-256 over path, label, split and content digest of every row."""
    digest = hashlib.sha256()
    columns = ("path", "label", "split", "sha256")
    for row in images.sort("path").select(columns).iter_rows():
        digest.update("\0".join(str(value) for value in row).encode("utf-8", "surrogateescape"))
        digest.update(b"\n")
    return digest.hexdigest()


def _count(values: pl.Series) -> dict[str, int]:
    counted = values.drop_nulls().value_counts().sort(values.name)
    return dict(counted.iter_rows())
