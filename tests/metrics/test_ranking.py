import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from fauxto.core.errors import DataError
from fauxto.metrics.ranking import average_precision, roc_auc, sweep_thresholds, tpr_at_fpr

TENTHS = st.lists(st.integers(0, 10), min_size=1, max_size=40)


@st.composite
def rows(draw):
    """Labels, scores with many ties, and an order to shuffle them by."""
    reals, fakes = draw(TENTHS), draw(TENTHS)
    labels = np.repeat([0, 1], [len(reals), len(fakes)])
    order = np.array(draw(st.permutations(range(len(labels)))))
    return labels, np.array(reals + fakes) / 10, order


METRICS = [roc_auc, average_precision, lambda labels, scores: tpr_at_fpr(labels, scores, 0.1)]


def test_auc_by_hand_counts_pairs_and_halves_ties():
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.5, 0.5, 0.9])
    assert roc_auc(labels, scores) == (3 + 0.5) / 4


@pytest.mark.parametrize("digits", [None, 1])
def test_auc_and_average_precision_agree_with_scikit_learn(make_scores, digits):
    labels, scores = make_scores(150, 90, distance=1.0, digits=digits)
    assert roc_auc(labels, scores) == pytest.approx(sk.roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(
        sk.average_precision_score(labels, scores)
    )


def test_curve_agrees_with_scikit_learn(make_scores):
    labels, scores = make_scores(60, 40, digits=1)
    curve = sweep_thresholds(labels, scores)
    fpr, tpr, threshold = sk.roc_curve(labels, scores, drop_intermediate=False)
    assert curve.fpr == pytest.approx(fpr)
    assert curve.tpr == pytest.approx(tpr)
    assert curve.threshold.tolist() == threshold.tolist()


def test_recall_at_a_false_positive_rate_by_hand():
    labels = np.array([0] * 10 + [1] * 4)
    scores = np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.6, 0.8, 0.3, 0.5, 0.7, 0.9])
    assert tpr_at_fpr(labels, scores, 0.0) == 0.25
    assert tpr_at_fpr(labels, scores, 0.1) == 0.5
    assert tpr_at_fpr(labels, scores, 0.2) == 0.75
    assert tpr_at_fpr(labels, scores, 1.0) == 1.0


def test_a_rate_that_is_met_exactly_is_allowed():
    labels = np.repeat([0, 1], 100)
    scores = np.concatenate([np.linspace(0, 0.99, 100), np.full(100, 0.985)])
    assert tpr_at_fpr(labels, scores, 0.01) == 1.0


def test_one_class_is_an_error():
    with pytest.raises(DataError, match="0 real and 2 fake"):
        roc_auc(np.array([1, 1]), np.array([0.2, 0.3]))


@pytest.mark.parametrize("metric", METRICS)
@given(case=rows())
def test_ranking_ignores_row_order_and_monotone_transforms(metric, case):
    labels, scores, order = case
    value = metric(labels, scores)
    assert metric(labels[order], scores[order]) == pytest.approx(value, abs=1e-12)
    assert metric(labels, scores**3 / 2 + 0.1) == pytest.approx(value, abs=1e-12)


@given(case=rows())
def test_auc_of_turned_scores_or_swapped_labels_is_the_complement(case):
    labels, scores, _ = case
    assert roc_auc(labels, 1 - scores) == pytest.approx(1 - roc_auc(labels, scores))
    assert roc_auc(1 - labels, scores) == pytest.approx(1 - roc_auc(labels, scores))
