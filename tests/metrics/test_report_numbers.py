"""The study's own counts must give the study's own table, and ``docs/report-numbers.md``."""

import math
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from scipy.stats import norm

from fauxto.core.labels import Label
from fauxto.metrics.confusion import Confusion
from fauxto.metrics.intervals import wilson_interval
from fauxto.metrics.paired import holm, mcnemar_p_value

N_FAKE, N_REAL = 6000, 5997
DOCUMENT = Path(__file__).parents[2] / "docs" / "report-numbers.md"


@dataclass(frozen=True)
class Printed:
    fn: int
    fp: int
    accuracy: str
    precision: str
    recall: str
    f1: str

    @property
    def confusion(self):
        return Confusion(tp=N_FAKE - self.fn, fn=self.fn, fp=self.fp, tn=N_REAL - self.fp)


TABLE = {
    "ResNet18": Printed(339, 351, "94.25", "0.94 / 0.94", "0.94 / 0.94", "0.94 / 0.94"),
    "ResNet50": Printed(310, 223, "95.56", "0.96 / 0.95", "0.95 / 0.96", "0.96 / 0.96"),
    "ViT-B/16": Printed(259, 142, "96.66", "0.98 / 0.96", "0.96 / 0.98", "0.97 / 0.97"),
    "ConvNeXtV2-Tiny": Printed(269, 126, "96.71", "0.98 / 0.96", "0.96 / 0.98", "0.97 / 0.97"),
    "ConvNeXtV2-Base": Printed(121, 243, "96.97", "0.96 / 0.98", "0.98 / 0.96", "0.97 / 0.97"),
}
MODELS = pytest.mark.parametrize("name", TABLE)


def both(metric):
    return f"{metric(Label.FAKE):.2f} / {metric(Label.REAL):.2f}"


@MODELS
def test_counts_give_the_printed_table(name):
    printed = TABLE[name]
    confusion = printed.confusion
    assert confusion.n == 11_997
    assert f"{confusion.accuracy * 100:.2f}" == printed.accuracy
    assert both(confusion.precision) == printed.precision
    assert both(confusion.recall) == printed.recall
    assert both(confusion.f1) == printed.f1


@pytest.mark.parametrize("name", ["ViT-B/16", "ConvNeXtV2-Tiny", "ConvNeXtV2-Base"])
def test_macro_f1_of_the_prose_is_right(name):
    assert f"{TABLE[name].confusion.macro_f1:.2f}" == "0.97"


def test_0_96_for_both_classes_of_resnet50_is_right_only_as_a_mean():
    confusion = TABLE["ResNet50"].confusion
    for metric in (confusion.precision, confusion.recall, confusion.f1):
        assert f"{(metric(Label.FAKE) + metric(Label.REAL)) / 2:.2f}" == "0.96"
    assert f"{confusion.precision(Label.REAL):.2f}" == "0.95"
    assert f"{confusion.recall(Label.FAKE):.2f}" == "0.95"


@MODELS
def test_document_gives_our_intervals(name):
    confusion = TABLE[name].confusion
    low, high = wilson_interval(confusion.accuracy, confusion.n)
    cells = (
        f"| {name} | {confusion.fn} | {confusion.fp} | {confusion.accuracy * 100:.2f} "
        f"| {low * 100:.2f} to {high * 100:.2f} |"
    )
    assert cells in DOCUMENT.read_text("utf-8")


def p_of_proportions(first, second):
    """Two-sided z test of two accuracies, as if on different images."""
    pooled = (first.accuracy + second.accuracy) / 2
    error = math.sqrt(pooled * (1 - pooled) * 2 / first.n)
    return 2 * norm.sf(abs(first.accuracy - second.accuracy) / error)


def discordant(first, second, *, fn_shared, fp_shared):
    """Images that only the first, and only the second has right, for a number of shared errors."""
    return (
        second.fn - fn_shared + second.fp - fp_shared,
        first.fn - fn_shared + first.fp - fp_shared,
    )


def p_range(first, second):
    """McNemar's p for the most and for the fewest mistakes that two models can share."""
    most = {"fn_shared": min(first.fn, second.fn), "fp_shared": min(first.fp, second.fp)}
    fewest = {"fn_shared": 0, "fp_shared": 0}
    return [mcnemar_p_value(*discordant(first, second, **shared)) for shared in (most, fewest)]


def test_p_grows_with_every_mistake_that_is_not_shared():
    tiny, base = TABLE["ConvNeXtV2-Tiny"].confusion, TABLE["ConvNeXtV2-Base"].confusion
    shared = range(min(tiny.fn, base.fn) + min(tiny.fp, base.fp), -1, -1)
    p_values = [
        mcnemar_p_value(*discordant(tiny, base, fn_shared=total, fp_shared=0)) for total in shared
    ]
    assert all(before <= after + 1e-12 for before, after in pairwise(p_values))


def compare_all():
    couples = list(combinations(TABLE, 2))
    unpaired = holm([p_of_proportions(*(TABLE[n].confusion for n in pair)) for pair in couples])
    ranges = [p_range(*(TABLE[n].confusion for n in pair)) for pair in couples]
    lowest, highest = (holm([r[end] for r in ranges]) for end in (0, 1))
    return {pair: (unpaired[i], lowest[i], highest[i], ranges[i]) for i, pair in enumerate(couples)}


def show(p_value):
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.3f}"


@pytest.mark.parametrize("pair", list(combinations(TABLE, 2)), ids=" ".join)
def test_document_gives_our_tests(pair):
    unpaired, lowest, highest, _ = compare_all()[pair]
    first, second = (TABLE[name].confusion for name in pair)
    gap = (second.accuracy - first.accuracy) * 100
    cells = (
        f"| {pair[0]} | {pair[1]} | {gap:.2f} | {show(unpaired)} "
        f"| {show(lowest)} to {show(highest)} |"
    )
    assert cells in DOCUMENT.read_text("utf-8")


def test_the_three_modern_networks_cannot_be_told_apart_however_their_mistakes_overlap():
    modern = {"ViT-B/16", "ConvNeXtV2-Tiny", "ConvNeXtV2-Base"}
    for pair, (unpaired, lowest, highest, _) in compare_all().items():
        if set(pair) <= modern:
            assert min(unpaired, lowest) > 0.05
        else:
            assert max(unpaired, highest) < 0.0001


def test_the_best_model_differs_from_the_second_in_no_case_and_without_any_adjustment():
    *_, (lowest, highest) = compare_all()["ConvNeXtV2-Tiny", "ConvNeXtV2-Base"]
    assert 0.06 < lowest < highest < 0.28


def test_document_gives_the_ends_of_the_closest_pairs_before_adjustment():
    text = DOCUMENT.read_text("utf-8")
    *_, (lowest, highest) = compare_all()["ViT-B/16", "ConvNeXtV2-Base"]
    assert f"it lies between {lowest:.3f} and {highest:.3f} before adjustment" in " ".join(
        text.split()
    )
    # 310 against 339 missed fakes, not one of them shared.
    p_value = mcnemar_p_value(TABLE["ResNet18"].fn, TABLE["ResNet50"].fn)
    assert f"the p-value is up to {p_value:.2f}" in text


def test_document_gives_the_cost_at_which_the_best_model_pays():
    tiny, base = TABLE["ConvNeXtV2-Tiny"], TABLE["ConvNeXtV2-Base"]
    ratio = (base.fp - tiny.fp) / (tiny.fn - base.fn)
    assert f"at least {math.ceil(ratio * 10) / 10} of a false alarm" in DOCUMENT.read_text("utf-8")


def test_fewer_missed_fakes_of_the_best_model_are_real_and_so_are_its_more_false_alarms():
    base = TABLE["ConvNeXtV2-Base"]
    for name in ("ViT-B/16", "ConvNeXtV2-Tiny"):
        # Not one shared mistake is the case in which a difference is hardest to see.
        assert mcnemar_p_value(TABLE[name].fn, base.fn) < 1e-6
        assert mcnemar_p_value(TABLE[name].fp, base.fp) < 1e-6
    assert mcnemar_p_value(TABLE["ResNet18"].fn, TABLE["ResNet50"].fn) > 0.05


def test_counts_of_images_add_up():
    train = {"real": 24_000 - 7, "fake": 24_000 - 2}
    test = {"real": 6_000 - 3, "fake": 6_000}
    assert test == {"real": N_REAL, "fake": N_FAKE}
    assert sum(train.values()) == 47_991
    assert sum(train.values()) + sum(test.values()) == 60_000 - 12
