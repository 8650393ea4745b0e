"""Leave one out: how a network fares on generators or sources that it never saw.

The data are split once, at random by group. One network is trained on everything in training;
then, for each value (or for several at once), another from whose training and validation all
images of them are withheld. All are tested on the same test images, so that "seen" and "never
seen" differ in nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.core import storage
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
from fauxto.core.errors import DataError
from fauxto.core.labels import Split
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import PrepareOptions, Recipe
from fauxto.core.storage import Address
from fauxto.data.prepared import PreparedDataset, open_dataset
from fauxto.evaluate.run import evaluate
from fauxto.pipeline.folds import list_values, make_folds, name_folder, withhold
from fauxto.pipeline.held_out_records import HELD_OUT, HeldOut
from fauxto.pipeline.held_out_sums import NetworkScores, sum_up
from fauxto.pipeline.held_out_tables import to_csv, to_markdown, write_held_out_page
from fauxto.prepare.run import prepare
from fauxto.train.run import train

EVERYTHING: Final = "nothing withheld"
ALL: Final = "all"
"""Folder of the network that is trained on everything."""
LEAST: Final = 20
"""Images of a value below which it is not withheld unless it is named."""


@dataclass(frozen=True)
class HeldOutResult(Shown):
    """What withholding showed, and the folder it lies in."""

    out: Path
    found: HeldOut


def held_out(  # noqa: PLR0913 - the options of the command
    data: Path,
    *,
    audit: Address,
    by: HeldOutBy,
    recipe: Recipe,
    out: Path,
    only: Sequence[str] = (),
    least: int = LEAST,
    folds: int | None = None,
    options: PrepareOptions | None = None,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
) -> HeldOutResult:
    """Train networks with generators or sources withheld, and one on everything; compare.

    Called again it reuses every finished network and resumes an interrupted one; with further
    values, or by the other column, it trains only what is missing.

    Args:
        data: the folder or table that was audited.
        audit: folder written by ``fauxto audit`` for these data.
        by: what is withheld.
        recipe: of every network.
        out: folder to write; the result is in a folder of it named after ``by``.
        only: values to withhold; default all with at least ``least`` images.
        least: see ``only``.
        folds: networks among which the values are shared out, each with several values withheld
            at once; default one network a value.
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
        "audit": read_json(storage.join(audit, STAMP))["fingerprint"],
        # Without defaults, so that a new option leaves results made before it valid.
        "options": options.model_dump(mode="json", exclude_defaults=True),
    }
    claim = claim_folder(out, "held-out", arguments, overwrite=overwrite, inputs=(data, audit))
    prepared: dict[str, Any] = {"audit": audit, "out": out / "dataset", "options": options}
    prepare(data, workers=workers, progress=progress, **prepared)
    base = open_dataset(out / "dataset")
    values, rare = _choose_values(base, by, only, least)
    every = [(), *make_folds(base.images, by, values, folds or len(values))]
    tested = []
    for position, withheld in enumerate(every):
        name = ", ".join(withheld) or EVERYTHING
        progress("networks", position, len(every), name)
        folder = out / "networks" / (name_folder((by.value, *withheld)) if withheld else ALL)
        spread = {"device": device, "workers": workers, "progress": _within(progress, name)}
        tested.append(_train_and_test(base, folder, by, withheld, recipe, spread))
    progress("networks", len(every), len(every), "")
    found = sum_up(base, by, recipe.model.name, tested, rare)
    results = out / by.value
    write_json(results / HELD_OUT, found.model_dump(mode="json"))
    write_text(results / "table.csv", to_csv(found))
    write_text(results / "table.md", to_markdown(found))
    write_held_out_page(results, found)
    finish_folder(claim)
    return HeldOutResult(results, found)


def _choose_values(
    base: PreparedDataset, by: HeldOutBy, only: Sequence[str], least: int
) -> tuple[list[str], list[str]]:
    values, rare = list_values(base.images, by, least)
    known = [*values, *rare]
    unknown = sorted(set(only) - set(known))
    if not known:
        raise DataError(
            f"the data name no {by}: name them in a table with a column '{by}', and audit again"
        )
    if unknown:
        raise DataError(f"no {by} is named {', '.join(unknown)}: there are {', '.join(known)}")
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
    by: HeldOutBy,
    withheld: tuple[str, ...],
    recipe: Recipe,
    spread: dict[str, Any],
) -> NetworkScores:
    dataset, run = Path(base.root), folder / "run"
    if withheld:
        dataset = folder / "dataset"
        withhold(base, dataset, by, withheld)
    train(dataset, recipe=recipe, out=run, **spread)
    # What shortcuts give is told once, beside the network that was trained on everything.
    result = evaluate(run, data=dataset, split=Split.TEST, shortcuts=not withheld, **spread)
    trained_on = open_dataset(dataset)
    in_base = base.rows(Split.TEST).select("original", in_base=pl.lit(value=True))
    predictions = (
        pl.read_parquet(result.folder / PREDICTIONS)
        .filter(pl.col("score").is_not_null())
        .join(trained_on.images.select("path", "original"), on="path")
        .join(in_base, on="original", how="left")
        .with_columns(pl.col("in_base").fill_null(value=False))
        .sort("original")
    )
    n_train = trained_on.rows(Split.TRAIN).height
    return NetworkScores(withheld, n_train, predictions, result.metrics.threshold)
