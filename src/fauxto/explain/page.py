"""The page of an explanation: findings in the words and numbers that the template shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
from PIL import Image

from fauxto.core.artifacts import PAGE, REGIONS
from fauxto.explain.belief import describe_belief
from fauxto.explain.catalogue import METHODS
from fauxto.explain.findings import Findings
from fauxto.explain.measures import FEWEST
from fauxto.explain.pictures import SIDE_BY_SIDE, Case
from fauxto.explain.study import OUTCOMES, SLOW_IMAGES, STEADY_IMAGES, Group, MeanMap
from fauxto.explain.summary import FAITHFULNESS, GROUPINGS, MEASURE_WORDS
from fauxto.explain.target import Target
from fauxto.imaging.overlay import HEAT_GRADIENT, colour_map
from fauxto.metrics.parts import join_words
from fauxto.report.page import image_uri, write_page

SIGNIFICANT: Final = 0.05
"""Adjusted p value below which a difference is counted."""

MANY_PANELS: Final = 3
"""Models times methods above which the page opens with one method, overlays only."""

MOST_MEANS: Final = 12
"""Mean maps shown of generators and of sources, those of most images."""

MOST_DIFFERENCES: Final = 40
"""Differences listed, those of the largest effect; the file has all."""

_VALUE_WORDS: Final = {
    "fake": "fakes",
    "real": "reals",
    "tp": "fakes called fake",
    "fn": "fakes called real",
    "fp": "reals called fake",
    "tn": "reals called real",
}
_GROUPING_WORDS: Final = {
    "label": "By class",
    "outcome": "By outcome",
    "generator": "By generator",
    "source": "By source",
}
_QUESTIONS: Final = {
    Target.PREDICTED: "Each map shows what speaks for the side that the network took.",
    Target.FAKE: "Each map shows what speaks for fake, also where the verdict is real.",
    Target.REAL: "Each map shows what speaks for real, also where the verdict is fake.",
}


def write_explain_page(
    findings: Findings,
    regions: pl.DataFrame,
    summary: dict[str, Any],
    cases: Sequence[Case],
    folder: Path,
) -> None:
    """Write the page.

    Args:
        findings: what was found.
        regions: one row a map.
        summary: content of ``faithfulness.json``.
        cases: the chosen images.
        folder: of the explanation.
    """
    beliefs = describe_belief(findings)
    methods = list(dict.fromkeys(name for _, name in findings.pairs()))
    models = [subject.name for subject in findings.subjects]
    measured = regions.filter(pl.col("error").is_null())["path"].n_unique()
    broken = regions.filter(pl.col("error").is_not_null()).select("path", "error")
    write_page(
        folder / PAGE,
        "explain.html",
        kind="explanation",
        title="What the network looks at" if len(models) == 1 else "What the networks look at",
        lead=_lead(models, [METHODS[name].title for name in methods], tested=bool(findings.trusts)),
        facts=[
            (str(len(models)), "model" if len(models) == 1 else "models"),
            (str(len(methods)), "method" if len(methods) == 1 else "methods"),
            (str(len(cases)), "pictures shown"),
            (str(measured), "images explained in all"),
        ],
        gradient=HEAT_GRADIENT,
        question=_QUESTIONS[findings.target],
        models=models,
        methods=[METHODS[name] for name in methods],
        cases=cases,
        overview=_group_cases(cases),
        chosen_by=_say_chosen(models),
        many=len(methods) * len(models) > MANY_PANELS,
        doubts=[row for belief in beliefs for row in belief.rows if not row.believable],
        side_by_side=SIDE_BY_SIDE,
        beliefs=beliefs,
        tested=max(
            (t.faithfulness.images for ts in findings.trusts.values() for t in ts), default=0
        ),
        why_untested=findings.why_untested,
        agreements=_agreement_tables(findings, summary),
        measured=measured,
        regions_file=REGIONS,
        means=_mean_rows(findings),
        steadiness=[row | {"title": METHODS[row["method"]].title} for row in summary["methods"]],
        steady_images=STEADY_IMAGES,
        slow_images=SLOW_IMAGES,
        measures=MEASURE_WORDS,
        groupings=_grouping_rows(summary),
        controls=[f"{name}: {control.name}" for name, control in findings.controls.items()],
        compared=len(summary["differences"]),
        differing=sum(row["p"] < SIGNIFICANT for row in summary["differences"]),
        differences=_difference_rows(summary),
        numbers_file=FAITHFULNESS,
        broken=sorted(set(broken.iter_rows())),
        provenance=[
            f"{subject.name}: {subject.card.architecture}, threshold {subject.card.threshold:.3f}, "
            f"preprocessing {subject.card.preprocess_hash}"
            for subject in findings.subjects
        ],
    )


def _lead(models: Sequence[str], titles: Sequence[str], *, tested: bool) -> str:
    used = f"{len(titles)} methods" if len(titles) > 2 else " and ".join(titles)
    return (
        f"{used} for {join_words(models)}: the same pictures for every model"
        f"{', and a test of whether the maps mean anything' if tested else ''}."
    )


def _say_chosen(models: Sequence[str]) -> str:
    """Return by whose score drawn pictures were chosen."""
    if len(models) == 1:
        return f"Chosen by how far the score of {models[0]} lies from its threshold."
    return (
        f"Chosen by the mean over {join_words(models)} of score minus own threshold: what is wrong "
        "by the mean may be right by one of them, and each caption says what its model says."
    )


def _group_cases(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return the cases by the reason they were chosen for, with their numbers on the page."""
    reasons = dict.fromkeys(case.reason for case in cases)
    return [
        {
            "reason": reason,
            "cases": [(n, case) for n, case in enumerate(cases, 1) if case.reason == reason],
        }
        for reason in reasons
    ]


def _grouping_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mean numbers of groups, one table for each way to group."""
    return [
        {
            "heading": _GROUPING_WORDS[by],
            "rows": [
                row
                | {
                    "title": METHODS[row["method"]].title,
                    "words": _VALUE_WORDS.get(row["value"], row["value"]),
                }
                for row in summary["groups"]
                if row["by"] == by
            ],
        }
        for by in GROUPINGS
    ]


def _agreement_tables(findings: Findings, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a square table for each model of several methods."""
    agreements = {}
    for row in summary["agreement"]:
        agreements[row["run"], row["first"], row["second"]] = row["agreement"]
        agreements[row["run"], row["second"], row["first"]] = row["agreement"]
    return [
        {
            "run": subject.name,
            "titles": [METHODS[method].title for method in subject.methods],
            "rows": [
                [agreements.get((subject.name, one, other)) for other in subject.methods]
                for one in subject.methods
            ],
        }
        for subject in findings.subjects
        if len(subject.methods) > 1
    ]


def _difference_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the surest differences, the largest effects first."""
    sure = [row for row in summary["differences"] if row["p"] < SIGNIFICANT]
    sure.sort(key=lambda row: -abs(row["delta"]))
    return [
        row
        | {
            "title": METHODS[row["method"]].title,
            "words": MEASURE_WORDS[row["measure"]],
            "first": _VALUE_WORDS[row["first"]],
            "second": _VALUE_WORDS[row["second"]],
        }
        for row in sure[:MOST_DIFFERENCES]
    ]


def _mean_rows(findings: Findings) -> list[dict[str, Any]]:
    rows = []
    for subject, method in findings.pairs():
        means = {
            group: mean
            for (name, group), mean in findings.studies[subject.name].means.items()
            if name == method
        }
        outcomes = [Group("outcome", outcome) for outcome in OUTCOMES]
        shown = [_mean_cell(group, means[group]) for group in outcomes if group in means]
        others = []
        for by in ("generator", "source"):
            of_kind = sorted(
                group for group, mean in means.items() if group.by == by and mean.images >= FEWEST
            )
            of_kind.sort(key=lambda group: -means[group].images)
            others += [_mean_cell(group, means[group]) for group in of_kind[:MOST_MEANS]]
        if shown:
            title = METHODS[method].title
            rows.append({"run": subject.name, "title": title, "outcomes": shown, "others": others})
    return rows


def _mean_cell(group: Group, mean: MeanMap) -> dict[str, Any]:
    heat = mean.total / mean.images
    shades = colour_map(heat / max(float(heat.max()), 1e-12))
    small = Image.fromarray(shades).resize((112, 112), Image.Resampling.BILINEAR)
    return {
        "uri": image_uri(small, "JPEG", quality=85),
        "words": _VALUE_WORDS.get(group.value, group.value),
        "images": mean.images,
    }
