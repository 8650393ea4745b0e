import numpy as np
import pytest

from fauxto.metrics.score import fake_score


def test_the_score_is_the_softmax_of_the_cooled_logits():
    logits = np.array([[0.0, 0.0], [1.0, 3.0], [2.0, -1.0]], np.float32)
    cooled = np.exp(logits.astype(np.float64) / 2.0)
    expected = cooled[:, 1] / cooled.sum(axis=1)
    assert fake_score(logits, 2.0) == pytest.approx(expected, rel=1e-12)


def test_extreme_logits_neither_overflow_nor_lose_small_scores():
    scores = fake_score(np.array([[0, 2000.0], [2000.0, 0], [700.0, 0]]))
    assert scores[0] == 1
    assert scores[1] == 0
    assert scores[2] == pytest.approx(np.exp(-700.0), rel=1e-12)


def test_swapping_the_logits_gives_the_other_share():
    logits = np.random.default_rng(0).normal(0, 4, (50, 2))
    assert fake_score(logits) + fake_score(logits[:, ::-1]) == pytest.approx(np.ones(50))
