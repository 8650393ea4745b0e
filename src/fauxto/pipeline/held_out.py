"""Leave one out: how a network fares on generators or sources that it never saw.

The data are split once, at random by group. One network is trained on everything in training; then,
for each value, another from whose training and validation all images of that value are withheld.
All are tested on the same test images, so that "seen" and "never seen" differ in nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from fauxto.core.artifacts import (
    PREDICTIONS,
    STAMP,
    claim_folder,
    finish_folder,
    read_json,
    require_finished,
    write_json,
    write_text,
)
from fauxto.core.choices import HeldOutBy, SplitMethod
from fauxto.core.errors import DataError, OtherResult
from fauxto.core.labels import Split
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import PrepareOptions, Recipe
from fauxto.data.prepared import PreparedDataset, open_dataset
from fauxto.evaluate.origins import complete_classes
from fauxto.evaluate.predictions import label_numbers
from fauxto.evaluate.run import evaluate
from fauxto.metrics.parts import Part, measure_part
from fauxto.metrics.ranking import roc_auc
from fauxto.pipeline.folds import list_values, name_folder, withhold
from fauxto.pipeline.held_out_records import HELD_OUT, HeldOut, HeldOutRow
from fauxto.pipeline.held_out_tables import to_csv, to_markdown, write_held_out_page
from fauxto.prepare.run import prepare
from fauxto.train.run import train

EVERYTHING: Final = "nothing withheld"
LEAST: Final = 20
"""Images of a value below which it is not withheld unless it is named."""


@dataclass(frozen=True)
class HeldOutResult:
    """What withholding showed, and the folder it lies in."""

    out: Path
    found: HeldOut


@dataclass(frozen=True)
class _Tested:
    """A network's predictions on the base's test images and on what was withheld from it."""

    predictions: pl.DataFrame
    threshold: float

    def measure(self, name: str, rows: pl.Series) -> Part | None:
        """Return the metrics of some rows, completed by all rows of a class that they lack."""
        if not rows.any():
            return None
        labels = label_numbers(self.predictions)
        chosen = self.predictions.filter(pl.Series(complete_classes(rows.to_numpy(), labels)))
        return measure_part(
            name,
            label_numbers(chosen),
            chosen["score"].to_numpy(),
            self.threshold,
            groups=chosen["group"].to_list(),
        )

    def rank(self, rows: pl.Series) -> float | None:
        """Return the ROC-AUC of some rows, completed in the same way."""
        labels = label_numbers(self.predictions)
        chosen = complete_classes(rows.to_numpy(), labels)
        if not rows.any() or len(set(labels[chosen])) < 2:
            return None
        return roc_auc(labels[chosen], self.predictions["score"].to_numpy()[chosen])


def held_out(  # noqa: PLR0913 - the options of the command
    data: Path,
    *,
    audit: Path,
    by: HeldOutBy,
    recipe: Recipe,
    out: Path,
    only: Sequence[str] = (),
    least: int = LEAST,
    options: PrepareOptions | None = None,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
) -> HeldOutResult:
    """Train a network for each generator or source withheld, and one on everything; compare.

    Called again it reuses every finished network and resumes an interrupted one; with further
    values it trains only what is missing.

    Args:
        data: the folder or table that was audited.
        audit: folder written by ``fauxto audit`` for these data.
        by: what is withheld.
        recipe: of every network.
        out: folder to write.
        only: values to withhold; default all with at least ``least`` images.
        least: see ``only``.
        options: how the pictures are prepared; the split is always drawn by group.
        device: where networks compute.
        workers: processes or threads that work at once.
        overwrite: replace what earlier calls left in ``out``; without it, a network of another
            recipe is an error.
        progress: told how far each network is.

    Raises:
        DataError: no value can be withheld, or one is not in the data.
        FauxtoError: a stage failed, or would replace an earlier result unasked.
    """
    require_finished(audit, "audit")
    options = (options or PrepareOptions()).model_copy(
        update={"split": SplitMethod.GROUPED, "hold_out": ()}
    )
    arguments = {
        "audit": read_json(audit / STAMP)["fingerprint"],
        "by": by.value,
        "options": options.model_dump(mode="json"),
    }
    claim = claim_folder(out, "held-out", arguments, overwrite=overwrite)
    prepared: dict[str, Any] = {"audit": audit, "out": out / "dataset", "options": options}
    prepare(data, workers=workers, progress=progress, **prepared)
    base = open_dataset(out / "dataset")
    values, rare = _choose_values(base, by, only, least)
    tested: dict[str, _Tested] = {}
    for position, value in enumerate((None, *values)):
        name = value or EVERYTHING
        progress("networks", position, len(values) + 1, name)
        tested[name] = _train_and_test(
            base,
            out / "networks" / name_folder(name),
            (by, value),
            recipe,
            {"device": device, "workers": workers, "progress": _within(progress, name)},
            overwrite=overwrite,
        )
    progress("networks", len(values) + 1, len(values) + 1, "")
    found = _sum_up(base, by, recipe, tested, rare)
    write_json(out / HELD_OUT, found.model_dump(mode="json"))
    write_text(out / "table.csv", to_csv(found))
    write_text(out / "table.md", to_markdown(found))
    write_held_out_page(out, found)
    finish_folder(claim)
    return HeldOutResult(out, found)


def _choose_values(
    base: PreparedDataset, by: HeldOutBy, only: Sequence[str], least: int
) -> tuple[list[str], list[str]]:
    values, rare = list_values(base.images, by, least)
    known = [*values, *rare]
    unknown = sorted(set(only) - set(known))
    if unknown or not known:
        wanted = f"no {by} is named {', '.join(unknown)}" if unknown else f"no {by} is known"
        raise DataError(f"{wanted}: there are {', '.join(known) or 'none'}")
    if only:
        return sorted(set(only)), []
    if not values:
        raise DataError(f"no {by} has {least} images: name some with --only, or lower --least")
    return values, rare


def _within(progress: Progress, name: str) -> Progress:
    def tell(stage: str, done: int, total: int, note: str = "") -> None:
        progress("this network", done, total, f"{name}: {stage} {note}".strip())

    return tell


def _train_and_test(
    base: PreparedDataset,
    folder: Path,
    withheld: tuple[HeldOutBy, str | None],
    recipe: Recipe,
    spread: dict[str, Any],
    *,
    overwrite: bool,
) -> _Tested:
    by, value = withheld
    dataset, run = base.root, folder / "run"
    if value is not None:
        dataset = folder / "dataset"
        withhold(base, dataset, by, value)
    try:
        train(dataset, recipe=recipe, out=run, **spread)
    except OtherResult:
        if not overwrite:
            raise
        train(dataset, recipe=recipe, out=run, overwrite=True, **spread)
    result = evaluate(run, data=dataset, split=Split.TEST, **spread)
    images = pl.read_parquet(dataset / "images.parquet").select("path", "original")
    in_base = base.rows(Split.TEST).select("original", in_base=pl.lit(value=True))
    predictions = (
        pl.read_parquet(result.folder / PREDICTIONS)
        .filter(pl.col("score").is_not_null())
        .join(images, on="path")
        .join(in_base, on="original", how="left")
        .with_columns(pl.col("in_base").fill_null(value=False))
        .sort("original")
    )
    return _Tested(predictions, result.metrics.threshold)


def _sum_up(
    base: PreparedDataset,
    by: HeldOutBy,
    recipe: Recipe,
    tested: dict[str, _Tested],
    rare: list[str],
) -> HeldOut:
    everything = tested[EVERYTHING]
    rows = []
    for value in tested:
        if value == EVERYTHING:
            continue
        mine = tested[value].predictions
        is_value = _is(mine, by, value)
        never_seen = tested[value].measure(value, is_value)
        if never_seen is None:
            continue
        rows.append(
            HeldOutRow(
                value=value,
                held_out=never_seen,
                random=everything.measure(value, _is(everything.predictions, by, value)),
                seen=tested[value].measure(value, mine["in_base"] & ~is_value),
            )
        )
    whole = everything.measure(EVERYTHING, everything.predictions["in_base"])
    if whole is None:
        raise DataError("no test image could be scored")
    in_test = sorted(base.rows(Split.TEST)[by.value].drop_nulls().unique())
    return HeldOut(
        by=by.value,
        network=recipe.model.name,
        data=base.digest,
        split_method=base.split_method,
        everything=whole,
        rows=tuple(sorted(rows, key=_by_auc)),
        matrix={
            name: {
                value: one.rank(_is(one.predictions, by, value) & one.predictions["in_base"])
                for value in in_test
            }
            for name, one in tested.items()
        },
        not_withheld=tuple(rare),
    )


def _by_auc(row: HeldOutRow) -> tuple[float, str]:
    return (row.held_out.roc_auc if row.held_out.roc_auc is not None else np.inf, row.value)


def _is(predictions: pl.DataFrame, by: HeldOutBy, value: str) -> pl.Series:
    return (predictions[by.value] == value).fill_null(value=False)
