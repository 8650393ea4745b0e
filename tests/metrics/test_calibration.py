import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics as sk

from fauxto.core.errors import DataError
from fauxto.metrics.calibration import (
    TEMPERATURE_RANGE,
    brier_score,
    equal_mass_bins,
    expected_calibration_error,
    fake_score,
    fit_temperature,
    log_loss,
)


def test_score_is_the_second_softmax_output():
    logits = np.array([[1.0, 3.0], [0.0, 0.0], [2.0, -2.0]], dtype=np.float32)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert fake_score(logits) == pytest.approx(softmax[:, 1], abs=1e-7)


def test_temperature_divides_logits_and_keeps_the_verdict():
    logits = np.array([[0.0, 4.0], [4.0, 0.0]])
    assert fake_score(logits, 2.0) == pytest.approx(expit([2.0, -2.0]))


def test_huge_logits_do_not_overflow():
    assert fake_score(np.array([[0.0, 1e5], [1e5, 0.0]])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_temperature_is_recovered_from_a_miscalibrated_network(rng, truth):
    margin = rng.normal(0, 2, 40_000)
    labels = (rng.random(40_000) < expit(margin)).astype(int)
    logits = np.stack([np.zeros_like(margin), margin * truth], axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(truth, rel=0.05)


def test_temperature_ignores_row_order_and_a_shift_of_both_logits(rng, make_scores):
    labels, scores = make_scores(60, 40)
    logits = np.stack([np.zeros_like(scores), 5 * (scores - 0.5)], axis=1)
    order = rng.permutation(len(labels))
    fitted = fit_temperature(logits, labels)
    assert fit_temperature(logits[order] + 3, labels[order]) == pytest.approx(fitted, rel=1e-4)


def test_perfectly_separated_validation_keeps_scores_off_the_ends():
    labels = np.array([0] * 20 + [1] * 20)
    margin = np.where(labels == 1, 5.0, -5.0)
    logits = np.stack([-margin / 2, margin / 2], axis=1)
    scores = fake_score(logits, fit_temperature(logits, labels))
    # Platt's smoothed target is the best score that 20 right answers allow.
    assert scores[labels == 1] == pytest.approx(21 / 22, abs=1e-3)
    assert scores[labels == 0] == pytest.approx(1 / 22, abs=1e-3)


def test_a_network_that_is_always_wrong_gets_the_highest_temperature():
    labels = np.array([0, 0, 1, 1])
    logits = np.array([[0, 2.0], [0, 2.0], [2.0, 0], [2.0, 0]])
    assert fit_temperature(logits, labels) == pytest.approx(TEMPERATURE_RANGE[1], rel=1e-3)


def test_temperature_of_one_class_is_an_error_that_counts():
    with pytest.raises(DataError, match="3 real and 0 fake"):
        fit_temperature(np.zeros((3, 2)), np.zeros(3, int))


def test_diverged_logits_are_an_error():
    with pytest.raises(DataError, match="2 values are not finite"):
        fit_temperature(np.array([[0.0, np.nan], [np.inf, 1.0]]), np.array([0, 1]))


def test_brier_and_log_loss_agree_with_scikit_learn(make_scores):
    labels, scores = make_scores(200, 100)
    assert brier_score(labels, scores) == pytest.approx(sk.brier_score_loss(labels, scores))
    assert log_loss(labels, scores) == pytest.approx(sk.log_loss(labels, scores))


def test_one_sure_mistake_is_a_finite_loss():
    assert log_loss(np.array([1, 0]), np.array([0.0, 0.0])) == pytest.approx(-np.log(1e-15) / 2)
    sure_of_fake = log_loss(np.array([1, 0]), np.array([1.0, 1.0]))
    assert sure_of_fake == pytest.approx(-np.log(1e-15) / 2, rel=1e-3)  # 1 - 1e-15 is rounded


def test_calibration_error_by_hand():
    labels = np.array([0, 1, 1, 1])
    scores = np.array([0.2, 0.4, 0.9, 0.7])
    # Two bins of two: |1/2 - 0.3| and |1 - 0.8|, each half of the rows.
    assert expected_calibration_error(labels, scores, bins=2) == pytest.approx(0.2)


def test_bins_hold_equal_shares_and_keep_ties_together():
    assert np.bincount(equal_mass_bins(np.arange(30) / 30, bins=3)).tolist() == [10, 10, 10]
    tied = equal_mass_bins(np.array([0.5] * 8 + [0.1, 0.9]), bins=4)
    assert len(set(tied[:8].tolist())) == 1


def test_calibration_error_ignores_row_order_even_with_ties(rng, make_scores):
    labels, scores = make_scores(100, 100, digits=1)
    order = rng.permutation(len(labels))
    assert expected_calibration_error(labels, scores) == pytest.approx(
        expected_calibration_error(labels[order], scores[order]), abs=1e-15
    )


def test_calibrated_scores_have_a_small_error_and_sure_ones_a_large(rng):
    margin = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < expit(margin)).astype(int)
    assert expected_calibration_error(labels, expit(margin)) < 0.015
    assert expected_calibration_error(labels, expit(4 * margin)) > 0.05
