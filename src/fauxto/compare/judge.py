"""Which models really differ: paired tests, ranks with ties, plain sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from jaxtyping import Float

from fauxto.compare.costs import count_gflops
from fauxto.compare.entries import Entry
from fauxto.compare.records import Pair, Row
from fauxto.metrics.intervals import (
    RESAMPLES,
    WeightedMetrics,
    count_fewest_groups,
    draw_weights,
    number_groups,
    percentile_interval,
)
from fauxto.metrics.labels import has_both_classes
from fauxto.metrics.paired import (
    AucDifference,
    McNemar,
    delong,
    holm,
    images_needed,
    mcnemar_exact,
)
from fauxto.metrics.parts import SEEN, UNSEEN, Part
from fauxto.metrics.summary import Metrics

LEVEL: Final = 0.05
"""Chance of a wrong "they differ" that is accepted over all pairs together."""


@dataclass(frozen=True)
class _Samples:
    accuracy: Float[np.ndarray, " b"]
    roc_auc: Float[np.ndarray, " b"]


@dataclass(frozen=True)
class _Resampled:
    of_model: Mapping[str, _Samples]
    n_groups: int  # of the class with fewer
    grouped: bool  # some images belong together


def judge_pairs(entries: Sequence[Entry], *, seed: int = 42) -> tuple[Pair, ...]:
    """Compare every two models on the images that all of them were evaluated on.

    Args:
        entries: of equal images, in equal order.
        seed: of the paired bootstrap.
    """
    samples = _resample(entries, seed)
    both = has_both_classes(entries[0].labels)
    couples = list(combinations(entries, 2))
    accuracy = [mcnemar_exact(a.right, b.right) for a, b in couples]
    areas = [delong(a.labels, a.scores, b.scores) if both else None for a, b in couples]
    accuracy_holm = holm([test.p_value for test in accuracy])
    area_holm: list[float | None] = [None] * len(couples)
    if both:
        area_holm = list(holm([test.p_value for test in areas if test is not None]))
    level = LEVEL / max(len(couples), 1)
    return tuple(
        _judge_pair(couple, samples, (test, adjusted), (area, area_adjusted), level)
        for couple, test, adjusted, area, area_adjusted in zip(
            couples, accuracy, accuracy_holm, areas, area_holm, strict=True
        )
    )


def _resample(entries: Sequence[Entry], seed: int) -> _Resampled:
    """Evaluate all models on the same resamples of groups."""
    first = entries[0]
    groups = first.scored["group"].to_list() if "group" in first.scored.columns else None
    numbers = number_groups(groups or [None] * len(first.scored))
    metrics = {
        entry.name: WeightedMetrics(entry.labels, entry.scores, entry.metrics.threshold)
        for entry in entries
    }
    blocks: dict[str, list[_Samples]] = {entry.name: [] for entry in entries}
    rng = np.random.default_rng(seed)
    for weights in draw_weights(first.labels, numbers, RESAMPLES, rng):
        for name, weighted in metrics.items():
            values = weighted.compute(weights)
            blocks[name].append(_Samples(values["accuracy"], values["roc_auc"]))
    joined = {
        name: _Samples(
            np.concatenate([block.accuracy for block in parts]),
            np.concatenate([block.roc_auc for block in parts]),
        )
        for name, parts in blocks.items()
    }
    grouped = int(numbers.max()) + 1 < len(numbers)
    return _Resampled(joined, count_fewest_groups(first.labels, numbers), grouped)


def _judge_pair(
    couple: tuple[Entry, Entry],
    samples: _Resampled,
    accuracy: tuple[McNemar, float],
    area: tuple[AucDifference | None, float | None],
    level: float,
) -> Pair:
    first, second = couple
    test, adjusted = accuracy
    auc, auc_adjusted = area
    one, two = samples.of_model[first.name], samples.of_model[second.name]
    interval = percentile_interval(one.accuracy - two.accuracy, samples.n_groups)
    area_interval = percentile_interval(one.roc_auc - two.roc_auc, samples.n_groups)
    n = len(first.scored)
    differ = adjusted < LEVEL and _excludes_zero(interval)
    auc_differ = auc_adjusted is not None and auc_adjusted < LEVEL and _excludes_zero(area_interval)
    needed = images_needed(test.only_first, test.only_second, n, level=level)
    more = None
    if needed is not None and not differ:
        effect = _design_effect(one.accuracy - two.accuracy, test, n) if samples.grouped else 1.0
        more = max(round(needed * effect) - n, 0)
    gap = (test.only_first - test.only_second) / n
    names = (first.name, second.name)
    return Pair(
        first=first.name,
        second=second.name,
        accuracy_difference=gap,
        accuracy_difference_interval=interval,
        only_first_right=test.only_first,
        only_second_right=test.only_second,
        p_mcnemar=test.p_value,
        p_mcnemar_holm=adjusted,
        more_images=more,
        auc_difference=auc.difference if auc else None,
        auc_difference_interval=area_interval if auc else None,
        p_delong=auc.p_value if auc else None,
        p_delong_holm=auc_adjusted,
        auc_differ=auc_differ,
        agreement=float(np.mean(first.called_fake == second.called_fake)),
        both_wrong=int(np.sum(~first.right & ~second.right)),
        differ=differ,
        sentence=_say(names, gap, adjusted, more, differ=differ),
        auc_sentence=_say_area(names, auc.difference, auc_adjusted, differ=auc_differ)
        if auc and auc_adjusted is not None
        else None,
    )


def _excludes_zero(interval: tuple[float, float] | None) -> bool:
    return interval is not None and not interval[0] <= 0 <= interval[1]


def _design_effect(differences: Float[np.ndarray, " b"], test: McNemar, n: int) -> float:
    """Return how many images of these groups are worth one that belongs to no group, at least 1.

    Source:
        Kish 1965: the variance over groups by the variance of as many independent images.
    """
    either, gap = (test.only_first + test.only_second) / n, (test.only_first - test.only_second) / n
    independent = either - gap * gap
    return max(1.0, float(np.var(differences)) * n / independent) if independent > 0 else 1.0


def format_p(p_value: float) -> str:
    """Return a p-value in words for a sentence, as ``p = 0.041`` or ``p < 0.0001``."""
    if p_value < 0.0001:
        return "p < 0.0001"
    return f"p = {p_value:.4f}" if p_value < 0.01 else f"p = {p_value:.2f}"


def _say(
    names: tuple[str, str], gap: float, p_value: float, more: int | None, *, differ: bool
) -> str:
    first, second = names
    if differ:
        better, worse = names if gap > 0 else (second, first)
        return (
            f"{better} is more accurate than {worse} on this test set, by "
            f"{abs(gap) * 100:.2f} points ({format_p(p_value)})."
        )
    if gap == 0:
        return f"{first} and {second} are equally accurate on this test set."
    reason = format_p(p_value)
    if p_value < LEVEL:
        reason += " image by image, but the images that decide it form too few groups"
    if more:
        reason += f"; about {_round_up(more):,} more images would be needed"
    return f"{first} and {second} cannot be told apart on this test set ({reason})."


def _say_area(names: tuple[str, str], gap: float, p_value: float, *, differ: bool) -> str:
    first, second = names
    if differ:
        better, worse = names if gap > 0 else (second, first)
        return (
            f"{better} ranks images better than {worse}: its ROC-AUC is {abs(gap):.4f} higher "
            f"({format_p(p_value)})."
        )
    reason = format_p(p_value)
    if p_value < LEVEL:
        reason += " image by image, but not over groups"
    return f"By ROC-AUC {first} and {second} cannot be told apart ({reason})."


def _round_up(number: int) -> int:
    step = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // step) * step


def rank_entries(entries: Sequence[Entry], pairs: Sequence[Pair]) -> dict[str, int]:
    """Return a rank for each model: 1 and the number of models that are certainly better."""
    beaten = dict.fromkeys((entry.name for entry in entries), 1)
    for pair in pairs:
        if pair.differ:
            beaten[pair.second if pair.accuracy_difference > 0 else pair.first] += 1
    return beaten


def make_row(entry: Entry, rank: int) -> Row:
    """Return a model's row of the table."""
    card, metrics = entry.card, entry.metrics
    return Row(
        model=entry.name,
        rank=rank,
        architecture=card.architecture if card else None,
        parameters=card.parameters if card else None,
        gflops=count_gflops(entry),
        batch_size=card.batch_size if card else None,
        lr=card.lr if card else None,
        epochs=card.epochs if card else None,
        accuracy=metrics.accuracy,
        accuracy_interval=metrics.intervals.get("accuracy"),
        precision=metrics.precision,
        recall=metrics.recall,
        f1=metrics.f1,
        false_negatives=metrics.confusion.fn,
        false_positives=metrics.confusion.fp,
        roc_auc=metrics.roc_auc,
        roc_auc_interval=metrics.intervals.get("roc_auc"),
        threshold=metrics.threshold,
        seen=_find_part(metrics, SEEN),
        unseen=_find_part(metrics, UNSEEN),
        weights_bytes=entry.weights_bytes,
        speed=entry.speed,
    )


def _find_part(metrics: Metrics, name: str) -> Part | None:
    return next((part for part in metrics.seen if part.name == name), None)


def describe_elsewhere(rows: Sequence[Row]) -> str:
    """Return how the models fare on sources and generators that they never saw, in a sentence."""
    told = []
    for row in rows:
        seen, unseen = row.seen, row.unseen
        if unseen is not None:
            beside = f", {seen.accuracy * 100:.1f} % on seen ones" if seen else ""
            told.append(f"{row.model} {unseen.accuracy * 100:.1f} %{beside}")
    if told:
        return f"Right on sources and generators that were not in training: {'; '.join(told)}."
    if any(row.seen for row in rows):
        return (
            "Every image comes from a source and a generator that were trained on, so nothing here "
            "tells how the models fare on others: 'fauxto held-out' measures it."
        )
    return (
        "Which images come from sources or generators that were trained on is not known, so "
        "nothing here tells how the models fare on others."
    )


def summarise_ranking(rows: Sequence[Row]) -> str:
    """Return the result in a sentence."""
    if len(rows) == 1:
        return (
            f"{rows[0].model} reaches {rows[0].accuracy * 100:.2f} %; nothing to compare it with."
        )
    top = [row.model for row in rows if row.rank == 1]
    if len(top) == len(rows):
        names = "the two models" if len(rows) == 2 else f"any of the {len(rows)} models"
        return f"This test set cannot tell {names} apart."
    if len(top) == 1:
        best = next(row for row in rows if row.rank == 1)
        return f"{top[0]} is the most accurate, with {best.accuracy * 100:.2f} %."
    return f"{', '.join(top[:-1])} and {top[-1]} share the first place."
