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
    assert images_needed(60, 40, 1000, level=0.005) > images_needed(60, 40, 1000)
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


# 113 patients with aneurysmal subarachnoid haemorrhage: outcome after six months (good or poor),
# WFNS grade, S100B in the blood (µg/l). Turck et al. 2010, Intensive Care Medicine 36:107-115; the
# data set aSAH of the R package pROC (Robin et al. 2011, BMC Bioinformatics 12:77).
PATIENTS = """
G,1,0.13 G,1,0.14 G,1,0.1 G,1,0.04 P,3,0.13 P,2,0.1 G,5,0.47 P,4,0.16 G,1,0.18 G,2,0.1 P,5,0.12
G,2,0.1 P,5,0.44 P,5,0.71 G,1,0.04 G,2,0.08 P,5,0.49 G,2,0.04 P,2,0.07 P,5,0.33 P,2,0.09
G,1,0.09 P,1,0.07 G,1,0.11 G,1,0.07 G,2,0.17 G,1,0.07 G,2,0.11 G,1,0.13 G,1,0.19 G,3,0.05
G,4,0.16 P,2,0.41 G,1,0.14 G,4,0.34 P,5,0.35 P,4,0.48 G,1,0.09 P,4,0.96 P,2,0.25 G,5,0.5
G,5,0.46 G,1,0.16 G,1,0.07 G,2,0.43 G,4,0.45 G,1,0.11 G,1,0.08 G,2,0.09 P,5,0.86 P,5,0.52
G,2,0.08 G,1,0.06 G,2,0.13 P,5,2.07 G,1,0.1 G,2,0.14 G,2,0.15 P,2,0.07 G,1,0.06 P,5,0.77
G,1,0.05 G,1,0.09 P,2,0.3 P,5,0.03 P,2,0.09 G,1,0.04 P,4,0.23 P,5,0.7 G,2,0.09 P,4,0.27
P,4,0.71 P,1,0.08 P,4,0.26 G,1,0.08 G,2,0.16 G,1,0.09 P,4,0.13 P,2,0.1 G,1,0.08 P,2,0.11
G,3,0.33 G,2,0.11 G,4,0.28 G,2,0.07 G,1,0.1 G,4,0.32 P,5,0.22 G,1,0.07 G,1,0.05 G,5,0.24
G,4,0.38 G,2,0.1 G,2,0.15 G,1,0.08 G,1,0.14 G,1,0.1 G,3,0.07 G,1,0.04 G,2,0.19 P,5,0.56
P,2,0.14 P,2,0.58 P,5,0.32 P,5,0.82 P,5,0.74 G,2,0.15 G,4,0.47 G,4,0.17 P,5,0.44 G,1,0.15
G,1,0.5 G,1,0.48
"""


def test_delong_gives_the_published_example_of_proc():
    rows = [patient.split(",") for patient in PATIENTS.split()]
    poor = np.array([row[0] == "P" for row in rows]).astype(np.int64)
    wfns, s100b = (np.array([float(row[column]) for row in rows]) for column in (1, 2))
    assert (len(rows), poor.sum()) == (113, 41)
    assert roc_auc(poor, wfns) == pytest.approx(0.8236789, abs=5e-8)
    assert roc_auc(poor, s100b) == pytest.approx(0.7313686, abs=5e-8)
    # As pROC's own tests have it (tests/testthat/test-roc.test.R, commit 0bc764d).
    result = delong(poor, wfns, s100b)
    z = result.difference / result.standard_error
    assert z == pytest.approx(2.20898359144091, abs=1e-12)
    assert result.p_value == pytest.approx(0.0271757822291882, abs=1e-12)
    half = 1.959963984540054 * result.standard_error
    assert result.difference - half == pytest.approx(0.0104061769564846, abs=1e-12)
    assert result.difference + half == pytest.approx(0.174214419249478, abs=1e-12)


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
