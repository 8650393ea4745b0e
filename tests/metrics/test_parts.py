import numpy as np
import pytest

from fauxto.metrics.parts import measure_part
from fauxto.metrics.ranking import roc_auc, tpr_at_fpr


def test_a_part_by_hand():
    labels, scores = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.7, 0.6, 0.9])
    part = measure_part("x", labels, scores, 0.5, groups=[None] * 5)
    assert (part.n_real, part.n_fake, part.n, part.accuracy) == (3, 2, 5, 0.8)
    assert (part.recall_fake, part.recall_real) == (1.0, pytest.approx(2 / 3))
    assert part.balanced_accuracy == pytest.approx(5 / 6)
    assert part.roc_auc == pytest.approx(5 / 6)
    assert part.tpr_at_fpr_5 == 0.5


def test_a_part_agrees_with_the_plain_metrics_and_ignores_row_order(rng, make_scores):
    labels, scores = make_scores(60, 40)
    groups = [f"g{row // 2}" for row in range(100)]
    part = measure_part("x", labels, scores, 0.4, groups=groups)
    assert part.roc_auc == pytest.approx(roc_auc(labels, scores))
    assert part.tpr_at_fpr_5 == tpr_at_fpr(labels, scores, 0.05)
    low, high = part.intervals["roc_auc"]
    assert low < part.roc_auc < high
    order = rng.permutation(100)
    shuffled = [groups[row] for row in order]
    assert measure_part("x", labels[order], scores[order], 0.4, groups=shuffled) == part


def test_a_part_of_one_class_has_no_ranking(make_scores):
    labels, scores = make_scores(0, 30)
    part = measure_part("x", labels, scores, 0.5, groups=[None] * 30)
    assert (part.roc_auc, part.recall_real, part.tpr_at_fpr_5) == (None, None, None)
    assert part.recall_fake == part.accuracy
    assert not {"roc_auc", "recall_real"} & set(part.intervals)
