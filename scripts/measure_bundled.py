"""What the detector inside the package is worth on a folder of labelled pictures, as Markdown.

Usage: python scripts/measure_bundled.py FOLDER [MODEL]; FOLDER holds ``images.csv`` with ``path``,
``label``, ``split``, ``source`` and ``generator``. The split ``test`` is measured, sources that
training knew apart from others, then what harmless changes do to scores and verdicts.
"""

import io
import sys
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

LEAST: Final = 15
"""Images that a generator or source must have to be listed."""
WORST: Final = 5
LONG_SIDE_PX: Final = 768


def main(folder: Path, model: Path | None) -> None:
    rows = pl.read_csv(folder / "images.csv")
    seen = set(rows.filter(pl.col("split") != "test")["source"])
    test = rows.filter(pl.col("split") == "test").sort("path")
    detector = Detector.load(model)
    card = detector.scorer.card
    paths = [folder / path for path in test["path"]]
    clean = list(detector.predict_many(paths))
    scores = np.array([prediction.score for prediction in clean], dtype=np.float64)
    test = test.with_columns(
        score=pl.Series(scores), seen=pl.col("source").is_in(list(seen)),
        verdict=pl.Series([str(prediction.verdict) for prediction in clean]),
    )  # fmt: skip
    print(f"{card.name}, preprocessing {card.preprocess_hash}, policy {detector.policy}")
    print(f"threshold {detector.threshold:.3f}, unsure band {card.unsure_band!r}\n")
    print("| images | n | ROC-AUC | TPR at 5 % FPR | ECE | fakes called fake | reals called fake |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    measure("whole test split", test, detector.threshold)
    measure("unseen sources", test.filter(~pl.col("seen")), detector.threshold)
    measure("sources in training too", test.filter("seen"), detector.threshold)
    for label, by in ((Label.FAKE, "generator"), (Label.REAL, "source")):
        list_worst(test.filter(pl.col("label") == str(label)), by, detector.threshold)
    unsure = (test["verdict"] == str(Verdict.UNSURE)).sum() / test.height
    print(f"\nunsure: {unsure:.1%} of the test images\n")
    list_changes(detector, paths, clean)
    list_mistakes(test, detector.threshold)


def measure(name: str, rows: pl.DataFrame, threshold: float) -> None:
    labels = (rows["label"] == str(Label.FAKE)).to_numpy().astype(np.int64)
    scores = rows["score"].to_numpy()
    intervals = bootstrap_intervals(labels, scores, threshold, groups=np.arange(len(labels)))
    low, high = intervals["roc_auc"]
    called = scores >= threshold
    ece = expected_calibration_error(labels, scores)
    print(
        f"| {name} | {len(labels)} | {roc_auc(labels, scores):.3f} ({low:.3f}–{high:.3f}) "
        f"| {tpr_at_fpr(labels, scores, 0.05):.2f} | {ece:.3f} "
        f"| {called[labels == 1].mean():.1%} | {called[labels == 0].mean():.1%} |"
    )


def list_worst(rows: pl.DataFrame, by: str, threshold: float) -> None:
    label = rows["label"][0]
    print(f"\n| {label} images by {by}, worst first | n | called fake | 95 % interval |")
    print("| --- | ---: | ---: | ---: |")
    groups = rows.group_by(by).agg(n=pl.len(), called=(pl.col("score") >= threshold).mean())
    groups = groups.filter(pl.col("n") >= LEAST)
    for name, n, called in (
        groups.sort("called", by, descending=[label == "real", False]).head(WORST).rows()
    ):
        low, high = wilson_interval(called, n)
        print(f"| {name} | {n} | {called:.1%} | {low:.1%} to {high:.1%} |")


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


def list_changes(detector: Detector, paths: Sequence[Path], clean: Sequence[Prediction]) -> None:
    print(
        "| change | median change of score | 95th percentile | verdicts that cross the threshold |"
    )
    print("| --- | ---: | ---: | ---: |")
    before = np.array([prediction.score for prediction in clean], dtype=np.float64)
    for name, change in CHANGES.items():
        changed = detector.predict_many(change(Image.open(path).convert("RGB")) for path in paths)
        after = np.array([prediction.score for prediction in changed], dtype=np.float64)
        moved = np.abs(after - before)
        flips = ((after >= detector.threshold) != (before >= detector.threshold)).mean()
        print(f"| {name} | {np.median(moved):.3f} | {np.quantile(moved, 0.95):.3f} | {flips:.1%} |")


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
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
