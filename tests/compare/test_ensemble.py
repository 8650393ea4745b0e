import numpy as np
import pytest

from fauxto.compare.ensemble import choose_members

LABELS = np.repeat([0, 1], 50)


def score(rng, noise):
    margin = 3 * (LABELS - 0.5) + noise * rng.normal(size=100)
    return 1 / (1 + np.exp(-margin))


def test_the_best_model_comes_first_and_a_useless_one_is_left_out():
    rng = np.random.default_rng(0)
    scores = {"good": score(rng, 0.8), "other": score(rng, 1.2), "guess": np.full(100, 0.5)}
    assert choose_members(LABELS, scores) == ["good", "other"]


def test_two_are_averaged_even_where_the_second_does_not_help():
    scores = {
        "exact": np.where(LABELS == 1, 0.999, 0.001),
        "wrong": np.where(LABELS == 1, 0.2, 0.8),
    }
    assert choose_members(LABELS, scores) == ["exact", "wrong"]


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_the_order_of_models_does_not_decide(order):
    rng = np.random.default_rng(1)
    scores = {name: score(rng, noise) for name, noise in zip("abc", (1.0, 1.1, 1.2), strict=True)}
    chosen = choose_members(LABELS, {name: scores[name] for name in order})
    assert chosen == choose_members(LABELS, scores)
