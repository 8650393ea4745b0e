import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauxto.core.errors import DataError, RecipeError
from fauxto.core.labels import Verdict
from fauxto.core.records import Policy
from fauxto.metrics.confusion import count_confusion
from fauxto.metrics.threshold import (
    choose,
    fit_operating_points,
    fit_unsure_band,
    require_enough,
    verdict,
    verdicts,
)

TENTHS = st.lists(st.integers(0, 10), min_size=1, max_size=40)


@st.composite
def rows(draw):
    """Labels, scores with many ties, and an order to shuffle them by."""
    reals, fakes = draw(TENTHS), draw(TENTHS)
    labels = np.repeat([0, 1], [len(reals), len(fakes)])
    order = np.array(draw(st.permutations(range(len(labels)))))
    return labels, np.array(reals + fakes) / 10, order


def find(labels, scores, policy):
    return choose(fit_operating_points(labels, scores), policy)


def test_balanced_threshold_is_halfway_between_separated_classes():
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9])
    point = find(labels, scores, Policy.BALANCED)
    assert point.threshold == pytest.approx(0.4)
    assert (point.recall_fake, point.fpr) == (1.0, 0.0)


def test_argmax_is_always_one_half_and_reports_what_it_did():
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.5, 0.2, 0.4, 0.9])
    point = find(labels, scores, Policy.ARGMAX)
    assert (point.threshold, point.recall_fake, point.fpr) == (0.5, 0.5, 0.5)


def test_balanced_weighs_classes_equally_however_many_rows_they_have():
    labels = np.array([0] * 90 + [1] * 2)
    scores = np.array([0.1] * 60 + [0.5] * 30 + [0.5, 0.9])
    # 0.3 gives (1 + 2/3) / 2, 0.7 gives (1/2 + 1) / 2: accuracy alone would choose 0.7.
    assert find(labels, scores, Policy.BALANCED).threshold == pytest.approx(0.3)


def test_of_equally_good_thresholds_the_one_nearest_to_one_half_is_taken():
    labels = np.array([0, 1, 0, 1])
    scores = np.array([0.1, 0.3, 0.4, 0.8])
    # 0.2 and 0.6 both give balanced accuracy 3/4.
    assert find(labels, scores, Policy.BALANCED).threshold == pytest.approx(0.6)


def test_fpr_policy_uses_its_allowance_and_no_more():
    labels = np.array([0] * 100 + [1] * 4)
    scores = np.concatenate([np.linspace(0, 0.8, 100), [0.3, 0.795, 0.85, 0.9]])
    point = find(labels, scores, Policy.FPR_1)
    assert (point.fpr, point.recall_fake) == (0.01, 0.75)
    assert scores[98] < point.threshold <= 0.795


def test_fpr_policy_spends_nothing_where_that_catches_no_more_fakes():
    labels = np.array([0] * 20 + [1] * 5)
    scores = np.concatenate([np.linspace(0, 0.5, 20), np.full(5, 0.9)])
    point = find(labels, scores, Policy.FPR_5)
    assert (point.fpr, point.recall_fake) == (0.0, 1.0)
    assert point.threshold == pytest.approx(0.7)


@pytest.mark.parametrize(("policy", "needed"), [(Policy.FPR_1, 100), (Policy.FPR_5, 20)])
def test_policy_needs_enough_reals_and_says_how_many(make_scores, policy, needed):
    enough = fit_operating_points(*make_scores(needed, 3))
    too_few = fit_operating_points(*make_scores(needed - 1, 300))
    assert choose(enough, policy).policy == policy
    with pytest.raises(RecipeError, match=f"'{policy}' needs at least {needed} real.*'balanced'"):
        choose(too_few, policy)


def test_validation_is_checked_for_either_class_before_training():
    require_enough(np.repeat([0, 1], [100, 1]), Policy.FPR_1)
    with pytest.raises(RecipeError, match=r"100 real and 1 fake .* there are 99 and 300"):
        require_enough(np.repeat([0, 1], [99, 300]), Policy.FPR_1)
    with pytest.raises(RecipeError, match="there are 100 and 0"):
        require_enough(np.repeat([0, 1], [100, 0]), Policy.FPR_1)


def test_cost_policy_by_hand():
    labels = np.array([0] * 10 + [1] * 10)
    scores = np.array([0.1] * 6 + [0.4] * 3 + [0.8] + [0.3] + [0.6] * 4 + [0.9] * 5)
    # Missing the fake at 0.3 saves three reals: right at a price of 2, wrong at a price of 5.
    for cost_ratio, recall, fpr in ((2.0, 0.9, 0.1), (5.0, 1.0, 0.4), (0.15, 0.5, 0.0)):
        (*_, point) = fit_operating_points(labels, scores, cost_ratio=cost_ratio)
        assert (point.policy, point.cost_ratio) == (Policy.COST, cost_ratio)
        assert (point.recall_fake, point.fpr) == (recall, fpr)


@given(case=rows(), cost_ratio=st.sampled_from([0.5, 1.0, 3.0]))
def test_no_threshold_costs_less_than_the_cost_policys(case, cost_ratio):
    labels, scores, _ = case
    points = {p.policy: p for p in fit_operating_points(labels, scores, cost_ratio=cost_ratio)}
    if Policy.COST not in points:
        return
    fake, real = scores[labels == 1], scores[labels == 0]
    costs = [
        cost_ratio * np.mean(fake < threshold) + np.mean(real >= threshold)
        for threshold in [0, 1, *scores, *np.minimum(scores + 1e-9, 1)]
    ]
    point = points[Policy.COST]
    assert cost_ratio * (1 - point.recall_fake) + point.fpr <= min(costs) + 1e-9
    if cost_ratio == 1:
        assert point.threshold == points[Policy.BALANCED].threshold


def test_cost_policy_needs_as_many_fakes_as_a_missed_one_costs(make_scores):
    assert choose(fit_operating_points(*make_scores(3, 5)), Policy.COST).cost_ratio == 5
    with pytest.raises(RecipeError, match="'cost' needs at least 1 real and 5 fake"):
        choose(fit_operating_points(*make_scores(300, 4)), Policy.COST)
    with pytest.raises(RecipeError, match="8 fake validation images and there are 9 and 7"):
        require_enough(np.repeat([0, 1], [9, 7]), Policy.COST, 7.5)


def test_reals_tied_at_score_one_leave_no_threshold_for_an_fpr_policy():
    labels = np.array([0] * 20 + [1] * 20)
    scores = np.array([0.1] * 15 + [1.0] * 25)
    points = fit_operating_points(labels, scores)
    assert Policy.FPR_5 not in [point.policy for point in points]


def test_a_threshold_parts_scores_that_are_neighbouring_floats():
    low = 0.3
    high = np.nextafter(low, 1)
    point = find(np.array([0, 1]), np.array([low, high]), Policy.BALANCED)
    assert (point.recall_fake, point.fpr) == (1.0, 0.0)
    assert low < point.threshold <= high


def test_float32_scores_are_taken():
    labels, scores = np.array([0, 1]), np.array([0.25, 0.75], dtype=np.float32)
    assert find(labels, scores, Policy.BALANCED).threshold == 0.5


def test_validation_of_one_class_is_an_error_with_the_counts():
    with pytest.raises(DataError, match=r"choosing a threshold.*0 real and 4 fake"):
        fit_operating_points(np.ones(4, int), np.full(4, 0.5))


@given(case=rows())
def test_points_ignore_row_order_and_tell_what_they_did(case):
    labels, scores, order = case
    points = fit_operating_points(labels, scores)
    assert fit_operating_points(labels[order], scores[order]) == points
    for point in points:
        confusion = count_confusion(labels, scores, point.threshold)
        assert point.recall_fake == pytest.approx(confusion.tp / (confusion.tp + confusion.fn))
        assert point.fpr == pytest.approx(confusion.fp / (confusion.fp + confusion.tn))


@given(case=rows())
def test_no_threshold_beats_the_balanced_one(case):
    labels, scores, _ = case
    point = find(labels, scores, Policy.BALANCED)
    best = max(
        count_confusion(labels, scores, threshold).balanced_accuracy
        for threshold in np.linspace(0, 1.05, 22)
    )
    assert (point.recall_fake + 1 - point.fpr) / 2 == pytest.approx(best)


def test_band_of_overlapping_classes_holds_scores_for_which_both_labels_are_plausible():
    labels = np.repeat([0, 1], 19)
    scores = np.concatenate([np.arange(1, 20) / 25, np.arange(5, 24) / 25])
    # With 19 rows and 5 % the most extreme row of each class is the limit of the plausible.
    assert fit_unsure_band(labels, scores) == (5 / 25, 19 / 25)
    assert fit_unsure_band(labels, scores, error_rate=0.1) == (6 / 25, 18 / 25)


def test_band_of_separated_classes_holds_scores_for_which_neither_is_plausible():
    labels = np.repeat([0, 1], 19)
    scores = np.concatenate([np.linspace(0.01, 0.2, 19), np.linspace(0.7, 0.99, 19)])
    assert fit_unsure_band(labels, scores) == pytest.approx((0.2, 0.7))


@pytest.mark.parametrize(
    ("n_real", "n_fake", "fits"), [(19, 19, True), (18, 50, False), (50, 18, False)]
)
def test_band_needs_nineteen_rows_of_each_class_at_five_percent(make_scores, n_real, n_fake, fits):
    assert (fit_unsure_band(*make_scores(n_real, n_fake)) is not None) == fits


@pytest.mark.parametrize("error_rate", [0.05, 0.2])
@pytest.mark.parametrize("distance", [1.0, 8.0])
def test_band_keeps_its_error_rate_on_fresh_images(make_scores, error_rate, distance):
    real_beyond, fake_beyond = [], []
    for _ in range(400):
        low, high = fit_unsure_band(*make_scores(60, 60, distance), error_rate)
        labels, scores = make_scores(100, 100, distance)
        real_beyond.append(np.mean(scores[labels == 0] > high))
        fake_beyond.append(np.mean(scores[labels == 1] < low))
    assert np.mean(real_beyond) < error_rate + 0.006
    assert np.mean(fake_beyond) < error_rate + 0.006
    if distance == 1.0:  # overlapping classes: the promise is also not wasted
        assert np.mean(real_beyond) > error_rate - 0.02


def test_verdict_at_the_ends_of_band_and_threshold():
    band = (0.4, 0.6)
    assert [verdict(s, 0.5, band) for s in (0.39, 0.4, 0.6, 0.61)] == [
        Verdict.REAL,
        Verdict.UNSURE,
        Verdict.UNSURE,
        Verdict.FAKE,
    ]
    assert verdict(0.5, 0.5, None) == Verdict.FAKE


def test_verdicts_are_the_verdict_of_each_row():
    assert verdicts(np.array([0.1, 0.5, 0.9]), 0.7, (0.45, 0.55)) == [
        Verdict.REAL,
        Verdict.UNSURE,
        Verdict.FAKE,
    ]
