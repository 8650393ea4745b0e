"""The page of an explanation: findings in the words and numbers that the template shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
from PIL import Image

from fauxto.core.artifacts import PAGE, REGIONS
from fauxto.explain.findings import Findings
from fauxto.explain.methods import METHODS
from fauxto.explain.pictures import SIDE_BY_SIDE, Case
from fauxto.explain.study import OUTCOMES, SLOW_IMAGES, STEADY_IMAGES
from fauxto.explain.summary import MEASURE_WORDS
from fauxto.explain.target import Target
from fauxto.explain.trust import Trust
from fauxto.imaging.overlay import HEAT_GRADIENT, colour_map
from fauxto.report.explain_figures import plot_faithfulness
from fauxto.report.page import image_uri, write_page

SIGNIFICANT: Final = 0.05
"""Adjusted p value below which a difference is counted."""

_OUTCOME_WORDS: Final = {
    "tp": "fakes called fake",
    "fn": "fakes called real",
    "fp": "reals called fake",
    "tn": "reals called real",
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
    methods = list(dict.fromkeys(name for _, name in findings.pairs()))
    models = [subject.name for subject in findings.subjects]
    measured = regions.filter(pl.col("error").is_null())["path"].n_unique()
    broken = regions.filter(pl.col("error").is_not_null()).select("path", "error")
    write_page(
        folder / PAGE,
        "explain.html",
        kind="explanation",
        title="What the network looks at" if len(models) == 1 else "What the networks look at",
        lead=_lead(models, [METHODS[name].title for name in methods]),
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
        side_by_side=SIDE_BY_SIDE,
        trusts=_trust_rows(findings),
        tested=max(
            (t.faithfulness.images for ts in findings.trusts.values() for t in ts), default=0
        ),
        why_untested=findings.why_untested,
        agreements=[_titled(row, "first", "second") for row in summary["agreement"]],
        measured=measured,
        regions_file=REGIONS,
        means=_mean_rows(findings),
        steadiness=[
            _titled(row, "method") | {"title": METHODS[row["method"]].title}
            for row in summary["methods"]
        ],
        steady_images=STEADY_IMAGES,
        slow_images=SLOW_IMAGES,
        differing=sum(row["p"] < SIGNIFICANT for row in summary["differences"]),
        differences=[
            row | {"title": METHODS[row["method"]].title, "words": MEASURE_WORDS[row["measure"]]}
            for row in summary["differences"]
        ],
        broken=sorted(set(broken.iter_rows())),
        provenance=[
            f"{subject.name}: {subject.card.architecture}, threshold {subject.card.threshold:.3f}, "
            f"preprocessing {subject.card.preprocess_hash}"
            for subject in findings.subjects
        ],
    )


def _lead(models: Sequence[str], titles: Sequence[str]) -> str:
    used = f"{len(titles)} methods" if len(titles) > 2 else " and ".join(titles)
    return (
        f"{used} for {', '.join(models)}: the same pictures for every model, "
        "and a test of whether the maps mean anything."
    )


def _titled(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return row | {key: METHODS[row[key]].title for key in keys}


def _trust_rows(findings: Findings) -> list[dict[str, Any]]:
    rows = []
    for subject in findings.subjects:
        for trust in findings.trusts.get(subject.name, ()):
            title = METHODS[trust.method].title
            found = trust.faithfulness
            rows.append(
                {
                    "run": subject.name,
                    "title": title,
                    "gain": found.gain,
                    "over_centre": found.over_centre,
                    "over_random": found.over_random,
                    "after_destroying": trust.sanity[-1].agreement,
                    "believable": found.is_informative and trust.depends_on_weights,
                    "finding": _judge_trust(trust),
                    "plot": plot_faithfulness(
                        f"{subject.name} · {title}",
                        {name: curve.deletion for name, curve in found.curves.items()},
                        {name: curve.insertion for name, curve in found.curves.items()},
                    ),
                }
            )
    return rows


def _judge_trust(trust: Trust) -> str:
    found = trust.faithfulness
    if not trust.depends_on_weights:
        return "nearly the same map without what was learned"
    if found.is_informative:
        return "more faithful than a bright centre and random blobs"
    if found.over_centre.high < 0:
        return "less faithful than a bright centre"
    if found.over_centre.low > 0:
        return "no better than random blobs, as far as these images tell"
    return "no better than a bright centre, as far as these images tell"


def _mean_rows(findings: Findings) -> list[dict[str, Any]]:
    groups = []
    for subject, method in findings.pairs():
        means = findings.studies[subject.name].means
        outcomes = []
        for outcome in OUTCOMES:
            mean = means.get((method, outcome))
            if mean is None:
                continue
            heat = mean.total / mean.images
            shades = colour_map(heat / max(float(heat.max()), 1e-12))
            small = Image.fromarray(shades).resize((112, 112), Image.Resampling.BILINEAR)
            uri = image_uri(small, "JPEG", quality=85)
            words = _OUTCOME_WORDS[outcome]
            outcomes.append({"uri": uri, "words": words, "images": mean.images})
        if outcomes:
            groups.append(
                {"run": subject.name, "title": METHODS[method].title, "outcomes": outcomes}
            )
    return groups
