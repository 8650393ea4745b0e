import numpy as np
import pytest

from fauxto.metrics.intervals import wilson_interval
from fauxto.metrics.summary import Metrics, slice_accuracy, sort_worst_first, summarise


def build(labels, scores, threshold=0.5, groups=None):
    fields = summarise(labels, scores, threshold, groups=groups or [None] * len(labels))
    given = {"run": "r", "split": "test", "data": "d", "split_method": "grouped"}
    return Metrics(**given, n_errors=0, n_unsure=0, **fields)


def test_summary_survives_json_and_names_its_schema(make_scores):
    metrics = build(*make_scores(40, 30))
    text = metrics.model_dump_json()
    assert '"schema":1' in text
    assert Metrics.model_validate_json(text) == metrics
    assert metrics.confusion.tp + metrics.confusion.fn == 30
    assert set(metrics.tpr_at_fpr) == {"0.01", "0.05"}


def test_summary_ignores_row_order(make_scores, rng):
    labels, scores = make_scores(40, 30, digits=1)
    groups = [f"g{index // 4}" for index in range(70)]
    order = rng.permutation(70)
    shuffled = build(labels[order], scores[order], groups=[groups[index] for index in order])
    plain = build(labels, scores, groups=groups)
    assert shuffled.intervals == plain.intervals
    assert shuffled.confusion == plain.confusion
    for name in ("roc_auc", "average_precision", "ece", "brier", "log_loss"):
        assert getattr(shuffled, name) == pytest.approx(getattr(plain, name), abs=1e-12)


def test_summary_of_one_class_has_nulls_where_nothing_can_be_said(make_scores):
    metrics = build(*make_scores(0, 12))
    assert metrics.roc_auc is None
    assert metrics.recall.real is None
    assert metrics.tpr_at_fpr == {}
    assert metrics.accuracy == metrics.recall.fake


def test_groups_are_counted_and_widen_the_interval(make_scores):
    labels, scores = make_scores(60, 60, distance=1.0)
    order = np.argsort(labels + (np.abs(scores - labels) > 0.5) * 0.5, kind="stable")
    labels, scores = labels[order], scores[order]
    grouped = build(labels, scores, groups=[f"g{index // 10}" for index in range(120)])
    alone = build(labels, scores)
    assert (grouped.n_groups, alone.n_groups) == (12, 120)
    width = [high - low for low, high in (m.intervals["accuracy"] for m in (grouped, alone))]
    assert width[0] > 1.5 * width[1]


def test_slices_tell_reals_and_fakes_apart():
    labels = np.array([0, 0, 1, 1, 1])
    called = np.array([False, True, True, True, False])
    slices = slice_accuracy(
        labels, called, by="source", values=["a", "a", "a", "b", None], groups=[None] * 5
    )
    first, second = slices
    assert (first.value, first.n, first.n_real, first.n_fake) == ("a", 3, 2, 1)
    assert (first.accuracy_real, first.accuracy_fake) == (0.5, 1.0)
    assert second.accuracy_real is None
    assert first.interval == pytest.approx(wilson_interval(2 / 3, 3))


def test_slice_interval_counts_groups_and_not_rows():
    labels, called = np.ones(40, int), np.ones(40, bool)
    (part,) = slice_accuracy(labels, called, by="x", values=["v"] * 40, groups=["g", "h"] * 20)
    assert part.interval == pytest.approx(wilson_interval(1.0, 2))


def test_worst_slice_is_not_the_one_with_a_single_image():
    labels = np.ones(101, int)
    called = np.array([False] + [False] * 30 + [True] * 70)
    values = ["tiny"] + ["large"] * 100
    slices = slice_accuracy(labels, called, by="s", values=values, groups=[None] * 101)
    assert [part.value for part in sort_worst_first(slices)] == ["large", "tiny"]
