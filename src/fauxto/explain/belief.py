"""Whether maps can be believed, in the words, numbers and plots that the page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fauxto.explain.catalogue import METHODS
from fauxto.explain.faithfulness import CurveSummary, Estimate
from fauxto.explain.findings import Findings
from fauxto.explain.trust import Trust
from fauxto.report.explain_figures import plot_faithfulness, plot_sanity

KNOWN_WORDS: Final = {"centre": "(a bright centre)", "random": "(random blobs)"}
"""Maps that know nothing of the network, as rows of the table."""


@dataclass(frozen=True)
class BeliefRow:
    """One map's tests as a row of the table."""

    run: str
    title: str
    deletion_area: Estimate
    insertion_area: Estimate
    gain: Estimate
    over_centre: Estimate | None = None
    """None for the maps that know nothing, as everything below."""
    over_random: Estimate | None = None
    left_over: float | None = None
    """Rank agreement with the maps of the network that is destroyed altogether."""
    control: Estimate | None = None
    believable: bool = True
    finding: str = ""


@dataclass(frozen=True)
class ModelBelief:
    """The tests of one model's maps."""

    run: str
    verdict: str
    """Which method is the most faithful, in a sentence."""
    rows: tuple[BeliefRow, ...]
    """Most faithful first, then the maps that know nothing."""
    curves: tuple[tuple[str, str], ...]
    """Title and plot of each method, in the order of the rows."""
    sanity: str | None
    """Plot of maps without what was learned."""


def describe_belief(findings: Findings) -> list[ModelBelief]:
    """Return the tests of every model that was tested."""
    tested = [(subject.name, findings.trusts.get(subject.name)) for subject in findings.subjects]
    return [_describe_model(run, trusts) for run, trusts in tested if trusts]


def _describe_model(run: str, trusts: Sequence[Trust]) -> ModelBelief:
    ordered = sorted(trusts, key=lambda trust: -trust.faithfulness.gain.mean)
    rows = [_describe_method(run, trust) for trust in ordered]
    known = ordered[0].faithfulness.curves
    for name, words in KNOWN_WORDS.items():
        areas = known[name]
        rows.append(BeliefRow(run, words, areas.deletion_area, areas.insertion_area, areas.gain))
    titles = [METHODS[trust.method].title for trust in ordered]
    plots = [
        _plot_curves(f"{run} · {title}", trust.faithfulness.curves)
        for title, trust in zip(titles, ordered, strict=True)
    ]
    sanity = {
        title: ([step.share for step in trust.sanity], [step.agreement for step in trust.sanity])
        for title, trust in zip(titles, ordered, strict=True)
        if trust.sanity
    }
    return ModelBelief(
        run=run,
        verdict=sum_up(ordered),
        rows=tuple(rows),
        curves=tuple(zip(titles, plots, strict=True)),
        sanity=plot_sanity(run, sanity) if sanity else None,
    )


def _plot_curves(title: str, curves: Mapping[str, CurveSummary]) -> str:
    rows = {name: (areas.mean, areas.low, areas.high) for name, areas in curves.items()}
    return plot_faithfulness(
        title,
        {name: np.stack([row.deletion for row in three]) for name, three in rows.items()},
        {name: np.stack([row.insertion for row in three]) for name, three in rows.items()},
    )


def _describe_method(run: str, trust: Trust) -> BeliefRow:
    found = trust.faithfulness
    own = found.curves["map"]
    return BeliefRow(
        run=run,
        title=METHODS[trust.method].title,
        deletion_area=own.deletion_area,
        insertion_area=own.insertion_area,
        gain=own.gain,
        over_centre=found.over_centre,
        over_random=found.over_random,
        left_over=trust.sanity[-1].agreement if trust.sanity else None,
        control=trust.control,
        believable=trust.is_believable,
        finding=judge_trust(trust),
    )


def judge_trust(trust: Trust) -> str:
    """Return what the tests of a method say, in words."""
    found = trust.faithfulness
    if trust.depends_on_weights is False:
        return "nearly the same map without what was learned"
    if trust.depends_on_labels is False:
        return "nearly the same map when trained on permuted labels"
    if found.is_informative:
        return "more faithful than a bright centre and random blobs"
    if found.over_centre.high < 0:
        return "less faithful than a bright centre"
    if found.over_centre.low > 0:
        return "no better than random blobs, as far as these images tell"
    return "no better than a bright centre, as far as these images tell"


def sum_up(trusts: Sequence[Trust]) -> str:
    """Return which method of a model is the most faithful, in a sentence.

    Args:
        trusts: tests of its methods, the largest gain first; at least one.
    """
    believable = [trust for trust in trusts if trust.is_believable]
    if not believable:
        return "no method passes every test: read none of its maps as evidence"
    best = believable[0]
    over = best.faithfulness.over_centre
    words = (
        f"{METHODS[best.method].title} is the most faithful, {over.mean:.3f} "
        f"[{over.low:.3f}, {over.high:.3f}] above a bright centre"
    )
    if len(trusts) == 1:
        return words
    return f"{words}; {len(believable)} of {len(trusts)} methods pass every test"
