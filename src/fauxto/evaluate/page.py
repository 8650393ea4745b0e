"""The page of one evaluation."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import polars as pl

from fauxto.core.artifacts import PAGE
from fauxto.core.errors import UnreadableImage
from fauxto.core.labels import Label
from fauxto.core.storage import is_url
from fauxto.data.stored import Find, StoredImage, read_image
from fauxto.evaluate.mistakes import choose_gallery
from fauxto.evaluate.predictions import label_numbers
from fauxto.evaluate.robustness import find_worst
from fauxto.imaging.decode import Limits, decode_rgb
from fauxto.metrics.confusion import Confusion
from fauxto.metrics.labels import has_both_classes
from fauxto.metrics.parts import UNSEEN, Control, Part, describe_shortcut, title_part
from fauxto.metrics.ranking import sweep_thresholds
from fauxto.metrics.summary import WORST_CASE, Metrics
from fauxto.report import evaluate_figures as figures
from fauxto.report.page import thumbnail_uri, write_page

MOST_ERRORS: Final = 50
"""Unreadable images that the page lists."""

MOST_SLICES: Final = 12
"""Slices that the page draws; its table has all of them."""


@dataclass(frozen=True)
class Setting:
    """What the page says beside the numbers."""

    find: Find
    """Tells where the pictures of predictions are."""
    band: tuple[float, float] | None
    threshold_origin: str
    """Where the threshold comes from, in a sentence."""
    provenance: str
    """What was scored with what, in a sentence."""


@dataclass(frozen=True)
class Picture:
    """One image of a gallery."""

    path: str
    label: str
    score: float
    origin: str
    link: str | None
    """To the picture's file, where it has one on this machine."""
    uri: str | None


def write_evaluation_page(
    folder: Path, predictions: pl.DataFrame, metrics: Metrics, setting: Setting
) -> None:
    """Write ``index.html`` of an evaluation; pictures that cannot be read are left out."""
    scored = predictions.filter(pl.col("score").is_not_null())
    chosen = choose_gallery(scored, metrics.threshold)
    counts = metrics.confusion
    slices = [part for part in metrics.slices if part.n < metrics.n]  # the others part nothing
    broken = predictions.filter(pl.col("score").is_null()).select("path", "error").head(MOST_ERRORS)

    def show(rows: pl.DataFrame) -> list[Picture]:
        images = setting.find(rows["path"])
        return [
            _load_picture(row, image, folder)
            for row, image in zip(rows.to_dicts(), images, strict=True)
        ]

    write_page(
        folder / PAGE,
        "evaluate.html",
        kind="evaluate",
        title=f"{metrics.run} on {metrics.split}",
        what=metrics.split if metrics.split != "all" else "scored",
        metrics=metrics,
        n_fake=counts.tp + counts.fn,
        n_real=counts.fp + counts.tn,
        cautions=list_cautions(metrics),
        threshold_origin=setting.threshold_origin,
        provenance=setting.provenance,
        plots=_draw_plots(scored, metrics, setting.band),
        slices=slices,
        slice_plot=figures.plot_slices(slices[:MOST_SLICES]) if slices else "",
        missed=show(chosen.fakes_called_real),
        accused=show(chosen.reals_called_fake),
        closest=show(chosen.least_certain),
        broken=list(broken.iter_rows()),
        unseen=find_part(metrics, UNSEEN),
        controls=group_controls(metrics.controls),
        **_describe_robustness(metrics),
    )


def _draw_plots(
    scored: pl.DataFrame, metrics: Metrics, band: tuple[float, float] | None
) -> list[str]:
    labels, scores = label_numbers(scored), scored["score"].to_numpy()
    confusion = Confusion(**metrics.confusion.model_dump())
    plots = [
        figures.plot_confusion(confusion),
        figures.plot_scores(labels, scores, metrics.threshold, band),
    ]
    if has_both_classes(labels) and metrics.roc_auc is not None:
        curve = sweep_thresholds(labels, scores)
        plots += [
            figures.plot_roc(curve, confusion, metrics.roc_auc),
            figures.plot_precision_recall(curve, metrics.average_precision or 0.0),
        ]
    return [*plots, figures.plot_reliability(labels, scores)]


def _describe_robustness(metrics: Metrics) -> dict[str, Any]:
    rows = metrics.robustness
    if not rows:
        return {}
    names = list(dict.fromkeys(row.disturbance for row in rows))
    return {
        "worst": find_worst(rows),
        "worst_case": WORST_CASE,
        "robustness_plots": figures.plot_robustness(rows, metrics.accuracy),
        "strengths": sorted({row.strength for row in rows}),
        "disturbances": [
            (name, sorted((r for r in rows if r.disturbance == name), key=lambda r: r.strength))
            for name in names
        ],
        "clean": metrics.accuracy,
    }


def list_cautions(metrics: Metrics) -> list[str]:
    """Return what a reader should know before trusting the numbers, in sentences."""
    cautions = []
    shortcut = describe_shortcut({"the model": metrics.controls})
    if shortcut is not None:
        cautions.append(shortcut)
    counts = metrics.confusion
    fewest = min(counts.tp + counts.fn, counts.fp + counts.tn)
    if metrics.n_errors:
        cautions.append(f"{metrics.n_errors} images could not be read and are not counted.")
    if fewest < 100:
        cautions.append(
            f"The smaller class has {fewest} images: differences of a few points are noise."
        )
    if metrics.split_method == "unknown":
        return [
            *cautions,
            "What the detector was trained on is not known here, and so not whether it saw these "
            "images before.",
        ]
    if metrics.split == "train":
        cautions.append(
            "These images were trained on: the numbers say how well they were learnt, not how "
            "well new ones are judged."
        )
    if metrics.split == "val":
        cautions.append(
            "Temperature, threshold and epoch were chosen on these images: the numbers flatter."
        )
    if metrics.split == "test" and "held" not in metrics.split_method and not metrics.seen:
        cautions.append(
            f"Split: {metrics.split_method}. Sources and generators are not recorded, so nothing "
            "here tells how images of new ones fare: expect less."
        )
    if metrics.split == "test" and metrics.seen and find_part(metrics, UNSEEN) is None:
        cautions.append(
            "Every test image comes from a source and a generator that were trained on; on new "
            "ones, expect less: 'fauxto held-out' measures it."
        )
    return cautions


def find_part(metrics: Metrics, name: str) -> Part | None:
    """Return the metrics of images seen, or not seen, in training; None without such images."""
    return next((part for part in metrics.seen if part.name == name), None)


def group_controls(controls: Sequence[Control]) -> dict[str, list[Control]]:
    """Return the controls by the images they were measured on, as a reader sees their name."""
    groups: dict[str, list[Control]] = {}
    for control in controls:
        groups.setdefault(title_part(control.images), []).append(control)
    return groups


def _load_picture(row: dict[str, Any], image: StoredImage, folder: Path) -> Picture:
    origin = row["generator"] if row["label"] == Label.FAKE else row["source"]
    try:
        limits = Limits()
        uri = thumbnail_uri(decode_rgb(read_image(image, limits), limits).rgb)
    except UnreadableImage:
        uri = None
    link = None
    if image.offset is None and not is_url(image.address):
        relative = os.path.relpath(Path(image.address).resolve(), folder.resolve())
        link = quote(relative.replace(os.sep, "/"))
    return Picture(row["path"], row["label"], row["score"], origin or "", link, uri)
