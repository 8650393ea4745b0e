"""What the detector inside the package is worth on a folder of labelled pictures, as Markdown.

Usage: python scripts/measure_bundled.py FOLDER [MODEL] [--json docs/results/bundled.json]; FOLDER
holds ``images.csv`` with ``path``, ``label``, ``split``, ``source`` and ``generator``. The split
``test`` is measured, sources that training knew apart from others, then what harmless changes do to
scores and verdicts. After writing the JSON, ``make readme`` brings the tables up to date.
"""

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from PIL import Image

from fauxto import Detector
from fauxto.core.labels import Label, Verdict
from fauxto.core.records import Prediction
from fauxto.metrics.calibration import expected_calibration_error
from fauxto.metrics.intervals import bootstrap_intervals, wilson_interval
from fauxto.metrics.ranking import roc_auc, tpr_at_fpr
from results import BundledResults, Change, Group, Slice, write_result

LEAST: Final = 15
"""Images that a generator or source must have to be listed."""
WORST: Final = 5
LONG_SIDE_PX: Final = 768


def main(folder: Path, model: Path | None, out: Path | None) -> None:
    rows = pl.read_csv(folder / "images.csv")
    seen = set(rows.filter(pl.col("split") != "test")["source"])
    test = rows.filter(pl.col("split") == "test").sort("path")
    detector = Detector.load(model)
    paths = [folder / path for path in test["path"]]
    clean = list(detector.predict_many(paths))
    test = test.with_columns(
        score=pl.Series([prediction.score for prediction in clean], dtype=pl.Float64),
        seen=pl.col("source").is_in(list(seen)),
        verdict=pl.Series([str(prediction.verdict) for prediction in clean]),
    )
    found = BundledResults(
        command="python scripts/measure_bundled.py FOLDER --json docs/results/bundled.json",
        model=detector.scorer.card.name,
        preprocess_hash=detector.scorer.card.preprocess_hash,
        policy=str(detector.policy),
        threshold=detector.threshold,
        unsure_band=detector.scorer.card.unsure_band,
        unsure=(test["verdict"] == str(Verdict.UNSURE)).sum() / test.height,
        groups=(
            measure("whole test split", test, detector.threshold),
            measure("sources never seen", test.filter(~pl.col("seen")), detector.threshold),
            measure("sources in training too", test.filter("seen"), detector.threshold),
        ),
        worst_generators=find_worst(test, Label.FAKE, "generator", detector.threshold),
        worst_sources=find_worst(test, Label.REAL, "source", detector.threshold),
        changes=measure_changes(detector, paths, clean),
    )
    show(found)
    list_mistakes(test, detector.threshold)
    if out:
        write_result(out, found)


def measure(name: str, rows: pl.DataFrame, threshold: float) -> Group:
    labels = (rows["label"] == str(Label.FAKE)).to_numpy().astype(np.int64)
    scores = rows["score"].to_numpy()
    intervals = bootstrap_intervals(labels, scores, threshold, groups=np.arange(len(labels)))
    called = scores >= threshold
    fakes, reals = called[labels == 1], called[labels == 0]
    return Group(
        name=name,
        n=len(labels),
        roc_auc=roc_auc(labels, scores),
        roc_auc_interval=intervals["roc_auc"],
        tpr_at_5_fpr=tpr_at_fpr(labels, scores, 0.05),
        ece=expected_calibration_error(labels, scores),
        fakes_found=fakes.mean(),
        fakes_found_interval=wilson_interval(fakes.mean(), len(fakes)),
        false_alarms=reals.mean(),
        false_alarms_interval=wilson_interval(reals.mean(), len(reals)),
    )


def find_worst(test: pl.DataFrame, label: Label, by: str, threshold: float) -> tuple[Slice, ...]:
    """Return the generators (sources) whose fakes (reals) are judged worst, worst first."""
    rows = test.filter(pl.col("label") == str(label))
    groups = rows.group_by(by).agg(n=pl.len(), called=(pl.col("score") >= threshold).sum())
    groups = groups.filter(pl.col("n") >= LEAST)
    order = (pl.col("called") / pl.col("n"), pl.col(by))
    worst = groups.sort(*order, descending=[label is Label.REAL, False]).head(WORST)
    return tuple(
        Slice(name=name, n=n, called_fake=called, interval=wilson_interval(called / n, n))
        for name, n, called in worst.rows()
    )


def show(found: BundledResults) -> None:
    print(f"{found.model}, preprocessing {found.preprocess_hash}, policy {found.policy}")
    print(f"threshold {found.threshold:.3f}, unsure band {found.unsure_band!r}\n")
    print("| images | n | ROC-AUC | TPR at 5 % FPR | ECE | fakes called fake | reals called fake |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for group in found.groups:
        low, high = group.roc_auc_interval
        print(
            f"| {group.name} | {group.n} | {group.roc_auc:.3f} ({low:.3f}–{high:.3f}) "
            f"| {group.tpr_at_5_fpr:.2f} | {group.ece:.3f} "
            f"| {group.fakes_found:.1%} | {group.false_alarms:.1%} |"
        )
    show_worst("fake images by generator", found.worst_generators)
    show_worst("real images by source", found.worst_sources)
    print(f"\nunsure: {found.unsure:.1%} of the test images\n")
    print(
        "| change | median change of score | 95th percentile | verdicts that cross the threshold |"
    )
    print("| --- | ---: | ---: | ---: |")
    for change in found.changes:
        print(f"| {change.name} | {change.median:.3f} | {change.p95:.3f} | {change.crossed:.1%} |")


def show_worst(title: str, slices: Sequence[Slice]) -> None:
    print(f"\n| {title}, worst first | n | called fake | 95 % interval |")
    print("| --- | ---: | ---: | ---: |")
    for row in slices:
        low, high = row.interval
        print(f"| {row.name} | {row.n} | {row.called_fake / row.n:.1%} | {low:.1%} to {high:.1%} |")


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def crop_square(image: Image.Image) -> bytes:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return encode(image.crop((left, top, left + side, top + side)), "PNG")


def scale(image: Image.Image) -> bytes:
    width, height = (max(1, round(0.8 * side)) for side in image.size)
    return encode(image.resize((width, height), Image.Resampling.LANCZOS), "PNG")


def share_online(image: Image.Image) -> bytes:
    smaller = image.copy()
    smaller.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    return encode(smaller, "JPEG", quality=60)


CHANGES: Final[dict[str, Callable[[Image.Image], bytes]]] = {
    "saved again as PNG": lambda image: encode(image, "PNG"),
    "saved again as JPEG, quality 90": lambda image: encode(image, "JPEG", quality=90),
    "centre cropped to a square": crop_square,
    "scaled to 80 %": scale,
    "JPEG, quality 60, long side at most 768 px": share_online,
}


def measure_changes(
    detector: Detector, paths: Sequence[Path], clean: Sequence[Prediction]
) -> tuple[Change, ...]:
    """Return what each harmless change does to the scores of the test images."""
    before = np.array([prediction.score for prediction in clean], dtype=np.float64)
    found = []
    for name, change in CHANGES.items():
        changed = detector.predict_many(change(Image.open(path).convert("RGB")) for path in paths)
        after = np.array([prediction.score for prediction in changed], dtype=np.float64)
        moved = np.abs(after - before)
        crossed = ((after >= detector.threshold) != (before >= detector.threshold)).mean()
        median, p95 = np.quantile(moved, (0.5, 0.95))
        found.append(Change(name=name, median=median, p95=p95, crossed=crossed))
    return tuple(found)


def list_mistakes(test: pl.DataFrame, threshold: float) -> None:
    print("\n| the surest mistakes | label | score | source | generator |")
    print("| --- | --- | ---: | --- | --- |")
    columns = ("path", "label", "score", "source", "generator")
    missed = test.filter((pl.col("label") == "fake") & (pl.col("score") < threshold)).sort("score")
    alarms = test.filter((pl.col("label") == "real") & (pl.col("score") >= threshold))
    shown = (missed.head(WORST), alarms.sort("score", descending=True).head(WORST))
    for path, label, score, source, generator in pl.concat(shown).select(columns).rows():
        print(f"| {path} | {label} | {score:.3f} | {source} | {generator or ''} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    main(options.folder, options.model, options.json)
