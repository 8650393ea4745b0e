import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from fauxto.core.labels import Label
from fauxto.metrics.confusion import Confusion, count_confusion

COUNTS = st.integers(0, 50)


def test_metrics_by_hand():
    confusion = Confusion(tp=8, fn=2, fp=1, tn=9)
    assert confusion.n == 20
    assert confusion.accuracy == 17 / 20
    assert confusion.precision(Label.FAKE) == 8 / 9
    assert confusion.precision(Label.REAL) == 9 / 11
    assert confusion.recall(Label.FAKE) == 0.8
    assert confusion.recall(Label.REAL) == 0.9
    assert confusion.f1(Label.FAKE) == pytest.approx(2 * (8 / 9) * 0.8 / (8 / 9 + 0.8))
    assert confusion.balanced_accuracy == pytest.approx(0.85)


def test_a_score_equal_to_the_threshold_is_called_fake():
    confusion = count_confusion(np.array([0, 1]), np.array([0.5, 0.5]), 0.5)
    assert confusion == Confusion(tp=1, fn=0, fp=1, tn=0)


def test_metrics_agree_with_scikit_learn(make_scores):
    labels, scores = make_scores(120, 60)
    confusion = count_confusion(labels, scores, 0.4)
    called = (scores >= 0.4).astype(int)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, called)
    for label in Label:
        assert confusion.precision(label) == pytest.approx(precision[label.number])
        assert confusion.recall(label) == pytest.approx(recall[label.number])
        assert confusion.f1(label) == pytest.approx(f1[label.number])
    assert confusion.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(labels, called))
    assert confusion.macro_f1 == pytest.approx(sk.f1_score(labels, called, average="macro"))


def test_what_cannot_be_computed_is_none_and_not_zero():
    only_real = Confusion(tp=0, fn=0, fp=0, tn=5)
    assert only_real.accuracy == 1
    assert only_real.recall(Label.FAKE) is None
    assert only_real.precision(Label.FAKE) is None
    assert only_real.balanced_accuracy is None
    assert only_real.macro_f1 is None
    assert Confusion(0, 0, 0, 0).accuracy is None


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_swapping_the_classes_swaps_their_metrics(tp, fn, fp, tn):
    confusion, swapped = Confusion(tp, fn, fp, tn), Confusion(tn, fp, fn, tp)
    assert confusion.accuracy == swapped.accuracy
    assert confusion.precision(Label.FAKE) == swapped.precision(Label.REAL)
    assert confusion.recall(Label.FAKE) == swapped.recall(Label.REAL)
    assert confusion.f1(Label.FAKE) == swapped.f1(Label.REAL)


def test_counts_ignore_row_order(rng, make_scores):
    labels, scores = make_scores(50, 30, digits=1)
    order = rng.permutation(len(labels))
    assert count_confusion(labels, scores, 0.5) == count_confusion(
        labels[order], scores[order], 0.5
    )
