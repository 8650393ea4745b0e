import numpy as np
import pytest
from scipy.stats import binomtest

from fauxto.core.labels import Label
from fauxto.metrics.calibration import brier_score, expected_calibration_error, log_loss
from fauxto.metrics.confusion import count_confusion
from fauxto.metrics.intervals import (
    WeightedMetrics,
    bootstrap_intervals,
    draw_weights,
    number_groups,
    percentile_interval,
    wilson_interval,
)
from fauxto.metrics.ranking import average_precision, roc_auc, tpr_at_fpr


def direct(labels, scores, threshold):
    confusion = count_confusion(labels, scores, threshold)
    return {
        "accuracy": confusion.accuracy,
        "balanced_accuracy": confusion.balanced_accuracy,
        "precision.fake": confusion.precision(Label.FAKE),
        "precision.real": confusion.precision(Label.REAL),
        "recall.fake": confusion.recall(Label.FAKE),
        "recall.real": confusion.recall(Label.REAL),
        "f1.fake": confusion.f1(Label.FAKE),
        "f1.real": confusion.f1(Label.REAL),
        "macro_f1": confusion.macro_f1,
        "roc_auc": roc_auc(labels, scores),
        "average_precision": average_precision(labels, scores),
        "tpr_at_fpr.0.01": tpr_at_fpr(labels, scores, 0.01),
        "tpr_at_fpr.0.05": tpr_at_fpr(labels, scores, 0.05),
        "brier": brier_score(labels, scores),
        "log_loss": log_loss(labels, scores),
    }


@pytest.mark.parametrize("digits", [None, 1])
def test_weighted_metrics_are_those_of_the_repeated_rows(rng, make_scores, digits):
    labels, scores = make_scores(70, 50, distance=1.0, digits=digits)
    weights = rng.integers(0, 3, size=(4, 120))
    found = WeightedMetrics(labels, scores, 0.4).compute(weights.astype(float))
    for row in range(4):
        repeated = np.repeat(np.arange(120), weights[row])
        for name, value in direct(labels[repeated], scores[repeated], 0.4).items():
            assert found[name][row] == pytest.approx(value, abs=1e-12), name


def test_unweighted_calibration_error_is_the_plain_one(make_scores):
    labels, scores = make_scores(70, 50, digits=2)
    found = WeightedMetrics(labels, scores, 0.4).compute(np.ones((1, 120)))
    assert found["ece"][0] == pytest.approx(expected_calibration_error(labels, scores))


def test_thresholds_beyond_all_scores_call_everything_one_thing(make_scores):
    labels, scores = make_scores(7, 5)
    everything = np.ones((1, 12))
    assert WeightedMetrics(labels, scores, 0.0).compute(everything)["recall.fake"][0] == 1
    assert WeightedMetrics(labels, scores * 0.9, 1.0).compute(everything)["recall.real"][0] == 1


def test_groups_are_drawn_whole_and_classes_keep_their_number_of_groups(rng):
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    groups = np.array([0, 0, 1, 2, 3, 3, 3])
    weights = np.concatenate(list(draw_weights(labels, groups, 500, rng)))
    assert np.all(weights[:, 0] == weights[:, 1])
    assert np.all(weights[:, 4] == weights[:, 5])
    assert np.all(weights[:, 0] + weights[:, 2] == 2)
    assert np.all(weights[:, 3] + weights[:, 4] == 2)
    assert weights.mean() == pytest.approx(1, abs=0.05)


def test_a_group_with_both_classes_is_drawn_apart_from_the_others(rng):
    labels, groups = np.array([0, 1, 0, 1, 0]), np.array([0, 0, 1, 2, 1])
    weights = np.concatenate(list(draw_weights(labels, groups, 50, rng)))
    assert np.all(weights == 1)


def test_rows_without_a_group_stand_alone():
    assert number_groups(["b", None, "a", "b", None]).tolist() == [1, 2, 0, 1, 3]


def test_intervals_repeat_with_a_seed_and_ignore_row_order(rng, make_scores):
    labels, scores = make_scores(40, 40, digits=2)
    groups = number_groups([f"g{i // 3}" for i in range(80)])
    found = bootstrap_intervals(labels, scores, 0.5, groups=groups, resamples=300)
    order = rng.permutation(80)
    shuffled = bootstrap_intervals(
        labels[order], scores[order], 0.5, groups=groups[order], resamples=300
    )
    assert shuffled == found
    other = bootstrap_intervals(labels, scores, 0.5, groups=groups, resamples=300, seed=1)
    assert other["roc_auc"] != found["roc_auc"]


def test_every_interval_holds_its_metric_but_where_it_is_reflected(make_scores):
    labels, scores = make_scores(200, 150)
    found = bootstrap_intervals(labels, scores, 0.5, groups=np.arange(350), resamples=400)
    for name, value in direct(labels, scores, 0.5).items():
        low, high = found[name]
        assert low <= value <= high, name
    assert "ece" in found


def test_repeating_every_image_in_its_group_changes_no_interval_of_a_proportion(make_scores):
    labels, scores = make_scores(100, 100)
    single = bootstrap_intervals(labels, scores, 0.5, groups=np.arange(200), resamples=2000)
    copies = np.repeat(np.arange(200), 5)
    grouped = bootstrap_intervals(
        labels[copies], scores[copies], 0.5, groups=copies, resamples=2000
    )
    pretending = bootstrap_intervals(
        labels[copies], scores[copies], 0.5, groups=np.arange(1000), resamples=2000
    )
    width = {name: high - low for name, (low, high) in single.items()}
    for name in ("accuracy", "roc_auc"):
        low, high = grouped[name]
        assert high - low == pytest.approx(width[name], rel=0.1)
        low, high = pretending[name]
        assert high - low < 0.6 * width[name]


def test_no_mistake_seen_is_not_certainty():
    labels, scores = np.repeat([0, 1], 10), np.repeat([0.1, 0.9], 10)
    found = bootstrap_intervals(labels, scores, 0.5, groups=np.arange(20), resamples=50)
    assert found["accuracy"] == pytest.approx(wilson_interval(1.0, 20))
    assert found["recall.fake"] == pytest.approx(wilson_interval(1.0, 10))
    assert "roc_auc" not in found


def test_few_groups_make_the_interval_wider_than_the_plain_percentiles(rng):
    samples = rng.normal(size=20_000)
    widths = [high - low for low, high in (percentile_interval(samples, n) for n in (5, 50, 5000))]
    assert widths[0] > 1.3 * widths[2]
    assert widths[1] == pytest.approx(2 * 1.0102 * 2.0096, rel=0.04)
    assert widths[2] == pytest.approx(2 * 1.96, rel=0.03)


def test_one_class_has_intervals_for_what_is_defined(make_scores):
    labels, scores = make_scores(30, 0)
    found = bootstrap_intervals(labels, scores, 0.4, groups=np.arange(30), resamples=50)
    assert {"accuracy", "recall.real"} <= set(found)
    assert not {"roc_auc", "average_precision", "recall.fake", "tpr_at_fpr.0.01"} & set(found)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (7, 10), (10, 10), (5754, 6000)])
def test_wilson_interval_agrees_with_scipy(successes, n):
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson_interval(successes / n, n) == pytest.approx((expected.low, expected.high))


def cover(rng, make_scores, simulations, resamples):
    """Share of simulated test sets, of groups of three, whose interval holds the truth."""
    truth_labels, truth_scores = make_scores(200_000, 200_000, distance=1.5)
    truth = {
        "accuracy": count_confusion(truth_labels, truth_scores, 0.5).accuracy,
        "roc_auc": roc_auc(truth_labels, truth_scores),
    }
    held = dict.fromkeys(truth, 0)
    for simulation in range(simulations):
        shared = np.repeat(rng.normal(0, 0.8, 120), 3)
        labels = np.repeat([0, 1], 180)
        margin = shared + rng.normal(0, 0.6, 360) + 1.5 * (labels - 0.5)
        scores = 1 / (1 + np.exp(-margin))
        found = bootstrap_intervals(
            labels,
            scores,
            0.5,
            groups=np.repeat(np.arange(120), 3),
            resamples=resamples,
            seed=simulation,
        )
        for name, value in truth.items():
            held[name] += found[name][0] <= value <= found[name][1]
    return {name: count / simulations for name, count in held.items()}


def test_grouped_intervals_hold_the_truth_about_as_often_as_they_say(rng, make_scores):
    for share in cover(rng, make_scores, 200, 300).values():
        assert 0.9 <= share <= 0.985


@pytest.mark.slow
def test_coverage_of_2000_simulations_is_94_to_96_percent(rng, make_scores):
    for name, share in cover(rng, make_scores, 2000, 600).items():
        assert 0.94 <= share <= 0.96, name
