"""The evaluations to compare, and whether they can be compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from fauxto.core.artifacts import (
    EVALUATION_DIR,
    PREDICTIONS,
    STAMP,
    VALIDATION,
    WEIGHTS,
    read_card,
    read_json,
    require_finished,
)
from fauxto.core.errors import ArtifactError, DataError, RecipeError
from fauxto.core.labels import Label
from fauxto.core.records import ModelCard
from fauxto.core.speed import Speed, read_speed
from fauxto.data.table import PREDICTION_SCHEMA, read_table
from fauxto.metrics.summary import Metrics, read_metrics


@dataclass(frozen=True)
class Entry:
    """One evaluated model; rows are sorted by path and have a score."""

    name: str
    card: ModelCard | None
    """None for scores of another detector."""
    metrics: Metrics
    scored: pl.DataFrame
    """Predictions without error, sorted by path."""
    validation: pl.DataFrame | None
    weights_bytes: int | None
    speed: Speed | None
    """None where it was not measured."""

    @property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Return the score of each image."""
        return self.scored["score"].to_numpy()

    @property
    def called_fake(self) -> Bool[np.ndarray, " n"]:
        """Return whether each image was called fake."""
        return self.scores >= self.metrics.threshold

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """Return the label of each image, 0 real and 1 fake."""
        return (self.scored["label"] == Label.FAKE).to_numpy().astype(np.int64)

    @property
    def right(self) -> Bool[np.ndarray, " n"]:
        """Return whether each verdict is right."""
        return self.called_fake == (self.labels == 1)


def open_entries(folders: Sequence[Path], evaluation: str) -> list[Entry]:
    """Open evaluated runs, or folders that ``fauxto evaluate --predictions`` wrote.

    Raises:
        RecipeError: none, or the same one twice.
        ArtifactError: one has no finished evaluation of that name.
    """
    if not folders or len({folder.resolve() for folder in folders}) < len(folders):
        raise RecipeError("compare needs run folders, each of them once")
    entries = [_open_entry(folder, evaluation) for folder in folders]
    repeated = {name for name, times in Counter(e.name for e in entries).items() if times > 1}
    names = [
        folder.resolve().name if entry.name in repeated else entry.name
        for folder, entry in zip(folders, entries, strict=True)
    ]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    return [replace(entry, name=name) for name, entry in zip(names, entries, strict=True)]


def find_evaluation(folder: Path, evaluation: str) -> Path:
    """Return the folder of an evaluation: inside a run, or the folder itself.

    Raises:
        ArtifactError: the run was not evaluated under that name, or not to the end.
    """
    stamp = folder / STAMP
    if stamp.is_file() and read_json(stamp).get("verb") == "evaluate":
        require_finished(folder, "evaluate")
        return folder
    require_finished(folder, "train")
    inside = folder / EVALUATION_DIR / evaluation
    if not inside.is_dir():
        done = sorted(path.name for path in (folder / EVALUATION_DIR).glob("*/"))
        raise ArtifactError(
            f"{folder} has no evaluation '{evaluation}' (it has: {', '.join(done) or 'none'}): "
            f"run 'fauxto evaluate {folder}' first"
        )
    require_finished(inside, "evaluate")
    return inside


def _open_entry(folder: Path, evaluation: str) -> Entry:
    inside = find_evaluation(folder, evaluation)
    metrics = read_metrics(inside)
    scored = read_table(inside / PREDICTIONS, PREDICTION_SCHEMA)
    scored = scored.filter(pl.col("score").is_not_null()).sort("path")
    if inside == folder:
        return Entry(metrics.run, None, metrics, scored, None, None, None)
    card = read_card(folder)
    validation, weights = folder / VALIDATION, folder / WEIGHTS
    return Entry(
        card.name,
        card,
        metrics,
        scored,
        read_table(validation, PREDICTION_SCHEMA).sort("path") if validation.is_file() else None,
        weights.stat().st_size if weights.is_file() else None,
        read_speed(folder),
    )


def require_same_images(entries: Sequence[Entry]) -> None:
    """Check that all entries were evaluated on the same images with the same labels.

    Raises:
        DataError: they were not; the message names the difference.
    """
    first = entries[0]
    for other in entries[1:]:
        if other.metrics.data != first.metrics.data or not _same_rows(first, other):
            raise DataError(
                f"{first.name} and {other.name} were not evaluated on the same images, so their "
                f"numbers cannot be compared: {_name_difference(first, other)}. Evaluate both on "
                "the same prepared data set and split"
            )


def _same_rows(first: Entry, second: Entry) -> bool:
    keys = ["path", "label"]
    return first.scored.select(keys).equals(second.scored.select(keys))


def _name_difference(first: Entry, second: Entry) -> str:
    one = dict(zip(first.scored["path"], first.scored["label"], strict=True))
    two = dict(zip(second.scored["path"], second.scored["label"], strict=True))
    parts = []
    for entry, paths in ((first, sorted(one.keys() - two.keys())),
                         (second, sorted(two.keys() - one.keys()))):  # fmt: skip
        if paths:
            parts.append(f"{len(paths):,} only in {entry.name}, such as {paths[0]}")
    relabelled = sorted(path for path in one.keys() & two.keys() if one[path] != two[path])
    if relabelled:
        parts.append(f"{len(relabelled):,} with another label, such as {relabelled[0]}")
    if not parts:
        changed = _changed_contents(first, second)
        parts = [
            changed or f"{first.metrics.n_errors} against {second.metrics.n_errors} unreadable"
        ]
    return f"{len(one):,} and {len(two):,} images; " + "; ".join(parts)


def _changed_contents(first: Entry, second: Entry) -> str | None:
    if "sha256" not in first.scored.columns or "sha256" not in second.scored.columns:
        return "one of them does not know the images' contents"
    changed = first.scored["path"].filter(
        first.scored["sha256"].ne_missing(second.scored["sha256"])
    )
    if changed.is_empty():
        return None
    return f"{len(changed):,} with another content, such as {changed[0]}"
