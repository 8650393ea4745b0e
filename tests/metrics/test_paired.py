import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from fauxto.core.errors import DataError
from fauxto.metrics.paired import (
    delong,
    holm,
    images_needed,
    mcnemar_exact,
    mcnemar_p_value,
)
from fauxto.metrics.ranking import roc_auc


def test_mcnemar_counts_images_that_one_model_alone_has_right():
    first = np.array([1, 1, 1, 0, 0, 1], bool)
    second = np.array([1, 0, 0, 1, 0, 0], bool)
    result = mcnemar_exact(first, second)
    assert (result.only_first, result.only_second) == (3, 1)
    assert result.p_value == pytest.approx(2 * (1 + 4) / 16)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_and_symmetric(first, second):
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar_p_value(first, second) == pytest.approx(expected)
    assert mcnemar_p_value(first, second) == mcnemar_p_value(second, first)


def test_images_needed_by_hand():
    # 10 % of images differ, 6 against 4: Connor's formula with 1.95996 and 0.84162.
    either, gap = 0.1, 0.02
    expected = ((1.95996 * math.sqrt(either) + 0.84162 * math.sqrt(either - gap**2)) / gap) ** 2
    assert images_needed(60, 40, 1000) == math.ceil(expected)
    assert images_needed(60, 40, 1000, power=0.9) > images_needed(60, 40, 1000)
    assert images_needed(5, 5, 100) is None


def test_images_needed_give_mcnemar_the_promised_power(rng):
    n = images_needed(30, 10, 400)
    found = 0
    for _ in range(2000):
        first, second, _ = rng.multinomial(n, [30 / 400, 10 / 400, 360 / 400])
        found += mcnemar_p_value(int(first), int(second)) < 0.05
    assert found / 2000 == pytest.approx(0.8, abs=0.06)  # the exact test is a little cautious


def test_delong_difference_is_that_of_the_areas(make_scores, rng):
    labels, first = make_scores(60, 40, digits=1)
    second = np.round(first + rng.normal(0, 0.3, 100), 1)
    result = delong(labels, first, second)
    assert result.difference == pytest.approx(roc_auc(labels, first) - roc_auc(labels, second))


def test_delong_variance_is_the_definition_over_all_pairs(make_scores, rng):
    labels, first = make_scores(13, 9, digits=1)
    second = np.round(first + rng.normal(0, 0.3, 22), 1)
    kernels = []
    for scores in (first, second):
        fake, real = scores[labels == 1][:, None], scores[labels == 0][None, :]
        kernels.append((fake > real) + 0.5 * (fake == real))
    gap = kernels[0] - kernels[1]
    variance = np.var(gap.mean(axis=1), ddof=1) / 9 + np.var(gap.mean(axis=0), ddof=1) / 13
    assert delong(labels, first, second).standard_error == pytest.approx(math.sqrt(variance))


def test_delong_of_a_model_with_itself_finds_nothing(make_scores):
    labels, scores = make_scores(20, 20)
    result = delong(labels, scores, scores)
    assert (result.difference, result.p_value) == (0.0, 1.0)


def test_delong_is_antisymmetric_and_ignores_row_order(make_scores, rng):
    labels, first = make_scores(50, 50)
    second = first + rng.normal(0, 0.2, 100)
    one, other = delong(labels, first, second), delong(labels, second, first)
    assert one.difference == pytest.approx(-other.difference)
    assert one.p_value == pytest.approx(other.p_value)
    order = rng.permutation(100)
    assert delong(labels[order], first[order], second[order]).p_value == pytest.approx(one.p_value)


def test_delong_rejects_a_true_hypothesis_as_often_as_it_says(rng):
    rejected = 0
    for _ in range(1000):
        labels = np.repeat([0, 1], 60)
        content = rng.normal(size=120) + labels
        first, second = (content + rng.normal(0, 0.7, 120) for _ in range(2))
        rejected += delong(labels, first, second).p_value < 0.05
    assert rejected / 1000 == pytest.approx(0.05, abs=0.022)


def test_delong_of_one_class_is_an_error():
    with pytest.raises(DataError):
        delong(np.zeros(3, int), np.zeros(3), np.ones(3))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_order_and_never_lowers(values):
    adjusted = holm(values)
    assert all(value <= new <= 1 for value, new in zip(values, adjusted, strict=True))
    ordered = [new for _, new in sorted(zip(values, adjusted, strict=True))]
    assert all(low <= high for low, high in pairwise(ordered))
