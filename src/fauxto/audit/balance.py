"""Counts by class, split, source and generator: what is missing, lopsided or one-sided."""

from pathlib import Path
from typing import Final

import polars as pl
from scipy import stats

from fauxto.audit.records import (
    AuditStatistics,
    ClassStatistics,
    Count,
    Finding,
    Range,
    count_words,
    describe_rows,
)
from fauxto.core.errors import ImageStatus
from fauxto.core.labels import LABELS, Label, Split

LOPSIDED: Final = 0.35
"""Share of the smaller class below which the classes are called unbalanced."""

DRIFT_DISTANCE: Final = 0.15
"""Least Kolmogorov-Smirnov distance, in [0, 1], at which splits are said to differ."""

DRIFT_P: Final = 0.001
"""Largest p-value for that, after Bonferroni's correction over facts, classes and splits."""

EXACT_IMAGES: Final = 100
"""Images of a class in a split up to which that p-value is exact; beyond, it is asymptotic."""

_DRIFT_FACTS: Final = {
    "width": "width",
    "height": "height",
    "aspect": "aspect",
    "bytes_per_pixel": "bytes per pixel",
    "brightness": "brightness",
    "contrast": "contrast",
    "saturation": "saturation",
    "sharpness": "sharpness",
}


def summarise(images: pl.DataFrame, *, data: Path | str, layout: str) -> AuditStatistics:
    """Return counts and dimensions by class.

    Args:
        images: the table of images.
        data: what was audited.
        layout: how it was understood, in words.
    """
    counts = images["status"].value_counts().sort("count", "status", descending=[True, False])
    return AuditStatistics(
        data=str(data),
        layout=layout,
        statuses=dict(counts.rows()),
        classes=tuple(_describe_class(images, label) for label in LABELS),
        counts=tuple(Count.model_validate(row) for row in _count(images).iter_rows(named=True)),
    )


def _count(images: pl.DataFrame) -> pl.DataFrame:
    keys = ("split", "source", "generator", "label")
    readable = (pl.col("status") == ImageStatus.OK.value).sum().cast(pl.Int64)
    return images.group_by(keys).agg(files=pl.len(), readable=readable).sort(keys)


def _describe_class(images: pl.DataFrame, label: Label) -> ClassStatistics:
    rows = images.filter(pl.col("label") == label.value)
    usable = _usable(rows)
    if usable.is_empty():
        return ClassStatistics(label=label, files=rows.height, readable=0)
    return ClassStatistics(
        label=label,
        files=rows.height,
        readable=usable.height,
        width=_range(usable["width"]),
        height=_range(usable["height"]),
        aspect=_range(usable["width"] / usable["height"]),
        square=float((usable["width"] == usable["height"]).to_numpy().mean()),
    )


def _range(values: pl.Series) -> Range:
    numbers = values.cast(pl.Float64).to_numpy()
    return Range(mean=float(numbers.mean()), min=float(numbers.min()), max=float(numbers.max()))


def _usable(images: pl.DataFrame) -> pl.DataFrame:
    return images.filter(pl.col("status") == ImageStatus.OK.value)


def find_imbalance(images: pl.DataFrame) -> tuple[Finding, ...]:
    """Return findings about classes, splits, sources and generators.

    Args:
        images: the table of images; only rows with status ``ok`` count.
    """
    usable = _usable(images)
    if usable.is_empty():
        nothing = Finding(
            kind="balance.no_images",
            severity="blocking",
            title="No image can be used",
            count=0,
            advice="Check the folder: every file in it is broken or of an unknown format.",
        )
        return (nothing,)
    return (
        *_missing_classes(usable),
        *_lopsided(usable),
        *_one_sided(usable),
        *_real_with_generator(usable),
        *_unseen_sources(usable),
        *_drift(usable),
    )


def _missing_classes(images: pl.DataFrame) -> list[Finding]:
    findings = []
    whole = [("the data", images)]
    parts = [(f"the {split} split", rows) for split, rows in _by_split(images)]
    for name, rows in whole if images["label"].n_unique() < len(LABELS) else parts:
        missing = [label.value for label in LABELS if label.value not in rows["label"]]
        if missing:
            where = "data" if rows is images else name.split()[1]
            findings.append(
                describe_rows(
                    f"balance.missing_class.{where}",
                    "blocking",
                    rows,
                    title=f"{name[0].upper()}{name[1:]} {'have' if rows is images else 'has'} "
                    f"no {missing[0]} image",
                    advice="Nothing can be learned or measured from one class: add images of the "
                    "other, or check how the folders were understood.",
                )
            )
    return findings


def _by_split(images: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    pairs = [(split.value, images.filter(pl.col("split") == split.value)) for split in Split]
    return [(split, rows) for split, rows in pairs if rows.height]


def _lopsided(images: pl.DataFrame) -> list[Finding]:
    if images["label"].n_unique() < len(LABELS):
        return []
    parts = _by_split(images) or [("", images)]
    findings = []
    for split, rows in parts:
        counts = rows["label"].value_counts().sort("count")
        of_class = {label: float(count) for label, count in counts.rows()}
        smaller, share = counts["label"][0], counts["count"][0] / rows.height
        if counts.height == len(LABELS) and share < LOPSIDED:
            place = f" in the {split} split" if split else ""
            findings.append(
                describe_rows(
                    f"balance.classes.{split or 'data'}",
                    "warning",
                    rows.filter(pl.col("label") == smaller),
                    title=f"Only {share:.0%} of the images{place} are {smaller}",
                    advice="Accuracy flatters a detector that favours the larger class: read "
                    "balanced accuracy and ROC-AUC, or even the classes out.",
                    evidence={**of_class, "share": share, "images": rows.height},
                )
            )
    return findings


def _one_sided(images: pl.DataFrame) -> list[Finding]:
    named = images.filter(pl.col("source").is_not_null())
    labels = named.group_by("source").agg(pl.col("label").n_unique().alias("labels"))
    single = labels.filter(pl.col("labels") == 1)["source"].sort()
    if single.is_empty():
        return []
    rows = named.filter(pl.col("source").is_in(single.implode())).sort("source", "path")
    share = rows.height / images.height
    return [
        describe_rows(
            "balance.one_sided_source",
            "warning" if share >= LOPSIDED else "info",
            rows,
            title=f"{count_words(single.len(), 'source')} of {labels.height} "
            f"{'holds' if single.len() == 1 else 'hold'} one class only",
            advice="What is peculiar to such a source (camera, site, topic, encoder) gives the "
            "label away. Prefer sources with both classes, and test on sources not trained on.",
            evidence={"share": share, "sources": single.len(), "sources_in_all": labels.height},
        )
    ]


def _real_with_generator(images: pl.DataFrame) -> list[Finding]:
    rows = images.filter(
        (pl.col("label") == Label.REAL.value)
        & (pl.col("generator").is_not_null() | pl.col("generator_hint").is_not_null())
    )
    if rows.is_empty():
        return []
    return [
        describe_rows(
            "balance.real_with_generator",
            "warning",
            rows,
            title=f"{count_words(rows.height, 'real image')} named as made by a generator",
            advice="The table or the file's own metadata names a generator: check the label.",
        )
    ]


def _unseen_sources(images: pl.DataFrame) -> list[Finding]:
    train = images.filter(pl.col("split") == Split.TRAIN.value)
    test = images.filter((pl.col("split") == Split.TEST.value) & pl.col("source").is_not_null())
    if train.is_empty() or test.is_empty():
        return []
    unseen = test.filter(~pl.col("source").is_in(train["source"].drop_nulls().unique().implode()))
    if unseen.is_empty():
        return []
    return [
        describe_rows(
            "balance.unseen_source",
            "info",
            unseen.sort("source", "path"),
            title=f"{count_words(unseen.height, 'test image')} from "
            f"{count_words(unseen['source'].n_unique(), 'source')} that the train split lacks",
            advice="Good for an honest test. Report seen and unseen sources apart.",
            evidence={"sources": unseen["source"].n_unique(), "test_images": test.height},
        )
    ]


def _drift(images: pl.DataFrame) -> list[Finding]:
    facts = images.with_columns(
        bytes_per_pixel=pl.col("bytes") / (pl.col("width") * pl.col("height"))
    )
    train = facts.filter(pl.col("split") == Split.TRAIN.value)
    others = [pair for pair in _by_split(facts) if pair[0] != Split.TRAIN.value]
    tests = len(_DRIFT_FACTS) * len(others) * len(LABELS)
    findings = []
    for split, rows in others:
        distances = {}
        for label in LABELS:
            here = pl.col("label") == label.value
            for fact in _DRIFT_FACTS:
                distance, p_value = _distance(train.filter(here)[fact], rows.filter(here)[fact])
                if distance >= DRIFT_DISTANCE and p_value * tests <= DRIFT_P:
                    distances[f"ks_{fact}_{label.value}"] = distance
        if distances:
            worst = max(distances, key=distances.__getitem__)
            fact, label_name = worst.removeprefix("ks_").rsplit("_", 1)
            findings.append(
                describe_rows(
                    f"balance.drift.{split}",
                    "info",
                    rows,
                    title=f"Train and {split} differ, most of all in {_DRIFT_FACTS[fact]} of "
                    f"{label_name} images",
                    advice="Results on this split measure the change of data too. That is right "
                    "for a test on new sources and wrong for a validation split.",
                    evidence=distances,
                )
            )
    return findings


def _distance(left: pl.Series, right: pl.Series) -> tuple[float, float]:
    a, b = (side.drop_nulls().cast(pl.Float64).to_numpy() for side in (left, right))
    if not (len(a) and len(b)):
        return 0.0, 1.0
    # Where few images overlap nowhere, the approximation calls the difference certain.
    method = "exact" if max(len(a), len(b)) <= EXACT_IMAGES else "asymp"
    result = stats.ks_2samp(a, b, method=method)
    return float(result.statistic), float(result.pvalue)
