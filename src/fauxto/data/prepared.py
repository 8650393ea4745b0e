"""A prepared data set: one folder of equal-sized pictures, its table and its preprocessing."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from fauxto.core.artifacts import IMAGES, ORIGINALS, PREPARE, read_json, require_finished
from fauxto.core.errors import ArtifactError
from fauxto.core.labels import LABELS, Split
from fauxto.core.records import ClassCounts, DataSummary, Preprocess
from fauxto.data.table import read_images


@dataclass(frozen=True)
class PreparedDataset:
    """What ``fauxto prepare`` wrote.

    Attributes:
        root: its folder; the table's paths are relative to it.
        images: one row a picture, sorted by path, with the extra column ``original``.
        preprocess: size, fit and resampling of the pictures; mean and standard deviation are the
            network's matter and stand here at their defaults.
        split_method: how the splits were made, in words.
        digest: 64 hexadecimal digits over path, label, split and content of every picture.
        licences: of each source's pictures, where the data told.
    """

    root: Path
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
        path = self.root / ORIGINALS
        return read_images(path) if path.is_file() else None

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


def open_dataset(folder: Path) -> PreparedDataset:
    """Open a folder written by ``fauxto prepare``.

    Raises:
        ArtifactError: it is not one, is unfinished, or is damaged.
    """
    require_finished(folder, "prepare")
    document = read_json(folder / PREPARE)
    images = read_images(folder / IMAGES).sort("path")
    try:
        preprocess = Preprocess.model_validate(document["preprocess"])
        split_method = str(document["split_method"])
    except (KeyError, ValidationError) as error:
        raise ArtifactError(f"{folder / PREPARE} is damaged ({error}): prepare again") from error
    licences = document.get("licences", {})  # older data sets have none
    digest = digest_rows(images)
    return PreparedDataset(folder, images, preprocess, split_method, digest, licences)


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
