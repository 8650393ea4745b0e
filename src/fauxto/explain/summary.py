"""Tables of an explanation: one row a map, and what they say together."""

from dataclasses import asdict
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.stats import false_discovery_control

from fauxto.explain.findings import Findings
from fauxto.explain.measures import FEWEST, Difference, compare_samples
from fauxto.explain.study import MEASURES
from fauxto.explain.trust import Trust

FAITHFULNESS: Final = "faithfulness.json"

REGION_SCHEMA: Final[dict[str, pl.DataType]] = {
    "path": pl.String(), "run": pl.String(), "method": pl.String(), "label": pl.String(),
    "source": pl.String(), "generator": pl.String(), "score": pl.Float64(),
    "verdict": pl.String(), "outcome": pl.String(), "side": pl.String(), "blank": pl.Boolean(),
    **{name: pl.Float64() for name in MEASURES},
    "error": pl.String(),
}  # fmt: skip
"""Columns of ``regions.parquet``; what a broken image or a blank map lacks is null."""

MEASURE_WORDS: Final = {
    "centre_x": "centre of mass, from the left",
    "centre_y": "centre of mass, from the top",
    "border_share": "mass in the border",
    "top_share": "mass in the hottest tenth",
    "entropy": "entropy",
    "edge_ratio": "edges under the map",
    "saturation_ratio": "saturation under the map",
    "flat_ratio": "flat regions under the map",
    "face_like_ratio": "face-like detail under the map",
}
"""Numbers that are compared between kinds of images, in words."""

GROUPINGS: Final = ("label", "outcome", "generator", "source")
"""Columns by which maps are told apart."""

COMPARED: Final = (("label", "fake", "real"), ("outcome", "fn", "tp"), ("outcome", "fp", "tn"))
"""Kinds of images whose numbers are tested against each other."""


def tabulate_regions(findings: Findings) -> pl.DataFrame:
    """Return one row for each image, run and method, broken images included."""
    rows = [row for study in findings.studies.values() for row in study.rows]
    return pl.DataFrame(rows, schema=REGION_SCHEMA)


def describe_trust(findings: Findings, regions: pl.DataFrame) -> dict[str, Any]:
    """Return the content of ``faithfulness.json``.

    Args:
        findings: what was found.
        regions: the table of ``tabulate_regions``.
    """
    methods = []
    for subject, method in findings.pairs():
        entry: dict[str, Any] = {"run": subject.name, "method": method}
        entry |= _steadiness(regions, subject.name, method)
        for trust in findings.trusts.get(subject.name, ()):
            if trust.method == method:
                entry |= _describe_one(trust)
        methods.append(entry)
    return {
        "target": findings.target,
        "pictures": [findings.items[choice.index].path for choice in findings.choices],
        "methods": methods,
        "controls": {name: control.name for name, control in findings.controls.items()},
        "agreement": _agreements(findings),
        "groups": _groups(findings, regions),
        "differences": _differences(findings, regions),
        "untested": findings.why_untested or None,
    }


def _describe_one(trust: Trust) -> dict[str, Any]:
    found = trust.faithfulness
    return {
        "images": found.images,
        "over_random": asdict(found.over_random),
        "over_centre": asdict(found.over_centre),
        "informative": found.is_informative,
        "depends_on_weights": trust.depends_on_weights,
        "sanity": [asdict(step) for step in trust.sanity],
        "depends_on_labels": trust.depends_on_labels,
        "control": asdict(trust.control) if trust.control else None,
        "curves": {
            name: {
                "deletion": curve.mean.deletion.tolist(),
                "insertion": curve.mean.insertion.tolist(),
                "deletion_area": asdict(curve.deletion_area),
                "insertion_area": asdict(curve.insertion_area),
                "gain": asdict(curve.gain),
            }
            for name, curve in found.curves.items()
        },
    }


def _own(regions: pl.DataFrame, run: str, method: str) -> pl.DataFrame:
    return regions.filter((pl.col("run") == run) & (pl.col("method") == method))


def _steadiness(regions: pl.DataFrame, run: str, method: str) -> dict[str, float | None]:
    means = _own(regions, run, method).select(
        flip=pl.col("flip_agreement").mean(),
        reencode=pl.col("reencode_agreement").mean(),
        blank=pl.col("blank").mean(),
    )
    return means.row(0, named=True)


def _agreements(findings: Findings) -> list[dict[str, Any]]:
    return [
        {"run": run, "first": first, "second": second, "agreement": float(np.mean(values))}
        for run, study in findings.studies.items()
        for (first, second), values in study.agreements.items()
    ]


def _groups(findings: Findings, regions: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the mean numbers of each group of at least ``FEWEST`` images, largest group first."""
    groups: list[dict[str, Any]] = []
    for subject, method in findings.pairs():
        own = _own(regions, subject.name, method).filter(pl.col("error").is_null())
        for by in GROUPINGS:
            means = (
                own.drop_nulls(by)
                .group_by(by)
                .agg(
                    pl.len().alias("images"),
                    pl.col("score").mean(),
                    pl.col("blank").mean(),
                    *(pl.col(measure).mean() for measure in MEASURE_WORDS),
                )
                .filter(pl.col("images") >= FEWEST)
                .sort("images", by, descending=[True, False])
            )
            groups.extend(
                {"run": subject.name, "method": method, "by": by, "value": row.pop(by), **row}
                for row in means.iter_rows(named=True)
            )
    return groups


def _differences(findings: Findings, regions: pl.DataFrame) -> list[dict[str, Any]]:
    found: list[tuple[dict[str, Any], Difference]] = []
    for subject, method in findings.pairs():
        own = _own(regions, subject.name, method)
        for by, first, second in COMPARED:
            for measure in MEASURE_WORDS:
                samples = [
                    own.filter(pl.col(by) == value)[measure].drop_nulls().to_numpy()
                    for value in (first, second)
                ]
                difference = compare_samples(samples[0], samples[1])
                if difference is not None:
                    keys = {"run": subject.name, "method": method, "measure": measure}
                    found.append((keys | {"first": first, "second": second}, difference))
    adjusted = false_discovery_control([row.p_value for _, row in found]) if found else ()
    return [
        {
            **keys,
            "first_mean": row.first_mean,
            "second_mean": row.second_mean,
            "delta": row.cliffs_delta,
            "p": float(p_value),
        }
        for (keys, row), p_value in zip(found, adjusted, strict=True)
    ]
