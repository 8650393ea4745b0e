"""The chain's report: the study's chapters, written from this run's own numbers."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from fauxto.audit.records import AuditStatistics, Finding, Shortcut
from fauxto.audit.tables import THUMBNAILS
from fauxto.compare.run import read_comparison
from fauxto.compare.tables import page_table
from fauxto.core.artifacts import (
    EVALUATION_DIR,
    FINDINGS,
    HISTORY,
    IMAGES,
    PAGE,
    PREPARE,
    STATISTICS,
    read_card,
    read_json,
)
from fauxto.core.errors import ImageStatus
from fauxto.core.labels import LABELS
from fauxto.core.records import ModelCard
from fauxto.data.prepared import open_dataset
from fauxto.data.table import read_images
from fauxto.explain.pictures import SIDE_BY_SIDE
from fauxto.metrics.confusion import Confusion
from fauxto.metrics.summary import Metrics, read_metrics
from fauxto.pipeline.config import ChainConfig
from fauxto.pipeline.folders import ChainFolders
from fauxto.report import audit_figures
from fauxto.report.compare_figures import ModelPoint, plot_accuracies
from fauxto.report.evaluate_figures import plot_confusion
from fauxto.report.page import write_page
from fauxto.report.train_figures import training_curves

SAMPLES: Final = 8
"""Sample pictures of each class."""

WORST_FINDINGS: Final = 8
BAD_FILES: Final = 50
_SEED: Final = 42


@dataclass(frozen=True)
class Chapter:
    """What the report shows of one trained network.

    Attributes:
        card: the network's card.
        test: metrics on the test set.
        train: metrics on the training set.
        curves: loss and accuracy by epoch, SVG.
        confusions: confusion matrices on test and training images, SVG.
    """

    card: ModelCard
    test: Metrics
    train: Metrics
    curves: str
    confusions: tuple[str, str]


@dataclass(frozen=True)
class Sample:
    """A picture of the data set."""

    path: str
    uri: str


def write_story(config: ChainConfig, folders: ChainFolders) -> None:
    """Write ``index.html`` of a chain whose stages are all finished."""
    images = read_images(folders.audit / IMAGES)
    usable = images.filter(pl.col("status") == ImageStatus.OK.value)
    statistics = _read_statistics(folders.audit / STATISTICS)
    audited = read_json(folders.audit / FINDINGS)
    dataset = open_dataset(folders.dataset)
    chapters = [_read_chapter(run) for run in folders.runs]
    comparison = read_comparison(folders.comparison)
    bad = images.filter(pl.col("status") != ImageStatus.OK.value)
    write_page(
        folders.root / PAGE,
        "story.html",
        kind="report",
        title=config.title,
        preface=config.preface,
        data=config.data.name,
        statistics=statistics,
        files=images.height,
        usable=usable.height,
        bad=bad.select("path", "label", "status", "error").head(BAD_FILES).rows(named=True),
        bad_in_all=bad.height,
        findings=[Finding.model_validate(one) for one in audited["findings"]][:WORST_FINDINGS],
        findings_in_all=len(audited["findings"]),
        shortcuts=[Shortcut.model_validate(one) for one in audited["shortcuts"]],
        figures={
            "counts": audit_figures.class_counts(usable),
            "sizes": audit_figures.size_histograms(usable),
            "aspect": audit_figures.aspect_histogram(usable),
            "accuracies": plot_accuracies([_point(chapter) for chapter in chapters]),
        },
        samples=_draw_samples(usable, pl.read_parquet(folders.audit / THUMBNAILS)),
        options=config.prepare,
        prepared=read_json(folders.dataset / PREPARE),
        summary=dataset.summary(),
        chapters=chapters,
        comparison=comparison,
        table=page_table(comparison.rows),
        side_by_side=_png_uri(folders.explanations / SIDE_BY_SIDE),
        limits=sorted({limit for chapter in chapters for limit in chapter.card.limits}),
    )


def _read_statistics(path: Path) -> AuditStatistics:
    document = read_json(path)
    return AuditStatistics.model_validate(
        {key: value for key, value in document.items() if key != "schema"}
    )


def _read_chapter(run: Path) -> Chapter:
    test = read_metrics(run / EVALUATION_DIR / "test")
    train = read_metrics(run / EVALUATION_DIR / "train")
    return Chapter(
        card=read_card(run),
        test=test,
        train=train,
        curves=training_curves(pl.read_csv(run / HISTORY)),
        confusions=(
            plot_confusion(Confusion(**test.confusion.model_dump())),
            plot_confusion(Confusion(**train.confusion.model_dump())),
        ),
    )


def _point(chapter: Chapter) -> ModelPoint:
    return ModelPoint(
        name=chapter.card.name,
        accuracy=chapter.test.accuracy,
        interval=chapter.test.intervals.get("accuracy"),
        confusion=Confusion(**chapter.test.confusion.model_dump()),
    )


def _draw_samples(usable: pl.DataFrame, thumbnails: pl.DataFrame) -> dict[str, list[Sample]]:
    generator = np.random.default_rng(_SEED)
    pictured = thumbnails.filter(pl.col("jpeg").is_not_null()).select("path", "jpeg")
    samples = {}
    for label in LABELS:
        rows = usable.filter(pl.col("label") == label.value).join(pictured, on="path").sort("path")
        chosen = np.sort(generator.permutation(rows.height)[:SAMPLES])
        samples[label.value] = [
            Sample(path, f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}")
            for path, jpeg in rows[chosen].select("path", "jpeg").iter_rows()
        ]
    return samples


def _png_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
