"""Puts evaluated models side by side; reads files only and needs no torch."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fauxto.compare.costs import choose_axis, differ_in_machine, find_front
from fauxto.compare.ensemble import average_models
from fauxto.compare.entries import Entry, find_evaluation, open_entries, require_same_images
from fauxto.compare.judge import (
    describe_elsewhere,
    judge_pairs,
    make_row,
    rank_entries,
    summarise_ranking,
)
from fauxto.compare.records import Comparison, Row
from fauxto.compare.tables import (
    cost_table,
    origin_table,
    page_table,
    timing_on_gpu,
    to_csv,
    to_latex,
    to_markdown,
)
from fauxto.core.artifacts import (
    COMPARISON,
    METRICS,
    PAGE,
    PREDICTIONS,
    FolderState,
    claim_folder,
    file_digest,
    finish_folder,
    read_document,
    write_json,
    write_text,
)
from fauxto.core.notebook import Shown
from fauxto.metrics.confusion import Confusion
from fauxto.metrics.labels import has_both_classes
from fauxto.metrics.parts import describe_shortcut
from fauxto.metrics.ranking import sweep_thresholds
from fauxto.report import compare_figures as figures
from fauxto.report.page import write_page

TABLE_MD: Final = "table.md"
TABLE_CSV: Final = "table.csv"
TABLE_TEX: Final = "table.tex"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComparisonResult(Shown):
    """A comparison and the folder it lies in."""

    out: Path
    rows: tuple[Row, ...]
    reused: bool
    """The folder already held this result."""


def compare(
    runs: Sequence[Path], *, out: Path, evaluation: str = "test", overwrite: bool = False
) -> ComparisonResult:
    """Compare models on the images that all of them were evaluated on.

    Args:
        runs: run folders, or folders that ``fauxto evaluate --predictions`` wrote.
        out: folder to write.
        evaluation: name of the evaluation of each run.
        overwrite: replace an earlier result in ``out``.

    Raises:
        RecipeError: no run, or the same one twice.
        ArtifactError: an evaluation is missing or unfinished, or ``out`` is in the way.
        DataError: the runs were evaluated on different images.
    """
    entries = open_entries(runs, evaluation)
    require_same_images(entries)
    folders = [find_evaluation(run, evaluation) for run in runs]
    inputs = [
        [
            entry.name,
            file_digest(folder / METRICS),
            file_digest(folder / PREDICTIONS),
            entry.speed and entry.speed.model_dump(mode="json"),
        ]
        for entry, folder in zip(entries, folders, strict=True)
    ]
    claim = claim_folder(
        out, "compare", {"evaluation": evaluation, "inputs": inputs}, overwrite=overwrite
    )
    if claim.state == FolderState.DONE:
        return ComparisonResult(out, read_comparison(out).rows, reused=True)
    comparison = build_comparison(entries)
    write_json(out / COMPARISON, comparison.model_dump(mode="json"))
    told = filter(None, (comparison.shortcut, comparison.summary, comparison.elsewhere))
    result = " ".join(told)
    caption = f"{comparison.n:,} images of split '{comparison.split}'. {result}"
    write_text(out / TABLE_MD, to_markdown(comparison.rows, result))
    write_text(out / TABLE_CSV, to_csv(comparison.rows))
    write_text(out / TABLE_TEX, to_latex(comparison.rows, caption))
    _write_page(out, entries, comparison)
    finish_folder(claim)
    logger.info("compared", extra={"models": len(entries), "n": comparison.n})
    return ComparisonResult(out, comparison.rows, reused=False)


def build_comparison(entries: Sequence[Entry]) -> Comparison:
    """Return the whole comparison of entries with equal images."""
    pairs = judge_pairs(entries)
    ranks = rank_entries(entries, pairs)
    rows = sorted(
        (make_row(entry, ranks[entry.name]) for entry in entries),
        key=lambda row: (row.rank, -row.accuracy, row.model),
    )
    first = entries[0].metrics
    labels = entries[0].labels
    right = np.array([entry.right for entry in entries])
    return Comparison(
        split=first.split,
        split_method=first.split_method,
        data=first.data,
        n=len(labels),
        n_real=int(np.sum(labels == 0)),
        n_fake=int(np.sum(labels == 1)),
        n_groups=first.n_groups,
        rows=tuple(rows),
        pairs=pairs,
        all_right=int(right.all(axis=0).sum()),
        all_wrong=int((~right).all(axis=0).sum()),
        shortcut=describe_shortcut({entry.name: entry.metrics.controls for entry in entries}),
        average=average_models(entries),
        summary=summarise_ranking(rows),
        elsewhere=describe_elsewhere(rows),
    )


def read_comparison(folder: Path) -> Comparison:
    """Return ``comparison.json`` of a folder.

    Raises:
        ArtifactError: it is missing, damaged or from a newer version.
    """
    return read_document(folder / COMPARISON, Comparison, "a result of 'fauxto compare'")


def _write_page(out: Path, entries: Sequence[Entry], comparison: Comparison) -> None:
    of_model = {entry.name: entry for entry in entries}
    points = [
        figures.ModelPoint(
            name=row.model,
            accuracy=row.accuracy,
            interval=row.accuracy_interval,
            confusion=Confusion(**of_model[row.model].metrics.confusion.model_dump()),
        )
        for row in comparison.rows
    ]
    plots = [figures.plot_accuracies(points), figures.plot_errors(points)]
    if has_both_classes(entries[0].labels):
        curves = {
            row.model: sweep_thresholds(of_model[row.model].labels, of_model[row.model].scores)
            for row in comparison.rows
        }
        plots.append(figures.plot_rocs(curves))
    speeds = [row.speed for row in comparison.rows if row.speed is not None]
    write_page(
        out / PAGE,
        "compare.html",
        kind="compare",
        title=f"{len(entries)} models on {comparison.split}",
        comparison=comparison,
        table=page_table(comparison.rows),
        origins=origin_table(comparison.rows),
        plots=plots,
        confusions=figures.plot_confusions(points),
        costs=cost_table(comparison.rows),
        pareto=_plot_pareto(points, comparison.rows),
        speeds=speeds,
        machines_differ=differ_in_machine(speeds),
        gpus=sorted({gpu.device for row in comparison.rows if (gpu := timing_on_gpu(row))}),
    )


def _plot_pareto(points: Sequence[figures.ModelPoint], rows: Sequence[Row]) -> str | None:
    axis = choose_axis(rows)
    if axis is None or len(axis.of_model) < 2:
        return None
    shown = [point for point in points if point.name in axis.of_model]
    costs = [axis.of_model[point.name] for point in shown]
    front = find_front(costs, [point.accuracy for point in shown])
    return figures.plot_pareto(shown, costs, front, axis.label)
