import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fauxto.metrics.baseline import make_trees, rank_missing_lowest, score_rows
from fauxto.metrics.ranking import roc_auc


def test_missing_facts_lie_below_all_known_and_unknown_ones_are_left_out():
    values = np.array([[3.0, np.nan, np.nan], [np.nan, np.nan, 0.5], [1.0, np.nan, 2.0]])
    assert rank_missing_lowest(values).tolist() == [[3, -0.5], [0, 0.5], [1, 2]]


@pytest.mark.parametrize("pixels", [False, True])
def test_trees_find_what_parts_the_classes_and_nothing_else(rng, pixels):
    labels = rng.integers(0, 2, 300)
    values = rng.normal(size=(300, 40))
    rows = {"fitted": np.arange(200), "scored": np.arange(200, 300)}
    blind = score_rows(make_trees(seed=1, pixels=pixels), values, labels, **rows)
    assert 0.3 < roc_auc(labels[200:], blind) < 0.7
    values[:, 3] += 8 * labels
    seeing = score_rows(make_trees(seed=1, pixels=pixels), values, labels, **rows)
    assert roc_auc(labels[200:], seeing) > 0.95
    assert np.all((seeing >= 0) & (seeing <= 1))


def test_scores_are_as_if_both_classes_were_equally_frequent(rng):
    labels = np.repeat([0, 1], [900, 100])
    values = np.zeros((1000, 1))
    model = LogisticRegression()
    scores = score_rows(model, values, labels, fitted=np.arange(1000), scored=np.arange(5))
    assert scores == pytest.approx(0.5, abs=0.01)
