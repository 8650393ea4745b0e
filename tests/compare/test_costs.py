import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauxto.compare.costs import find_front

POINTS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 5)), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("costs", "gains", "front"),
    [
        ([5], [0.5], [True]),
        ([1, 2], [0.9, 0.8], [True, False]),
        ([1, 2], [0.8, 0.9], [True, True]),
        ([1, 1], [0.9, 0.9], [True, True]),  # equal points do not beat each other
        ([1, 1], [0.8, 0.9], [False, True]),
        ([1, 2], [0.9, 0.9], [True, False]),
    ],
)
def test_front_by_hand(costs, gains, front):
    assert find_front(costs, gains) == front


@given(POINTS)
def test_the_cheapest_best_is_on_the_front_and_all_others_are_beaten_by_one_on_it(points):
    costs, gains = zip(*points, strict=True)
    front = find_front(costs, gains)
    assert any(front)
    kept = [point for point, best in zip(points, front, strict=True) if best]
    for (cost, gain), best in zip(points, front, strict=True):
        beaten = any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in kept)
        assert best != beaten


@given(POINTS)
def test_front_ignores_units_of_cost(points):
    costs, gains = zip(*points, strict=True)
    assert find_front(costs, gains) == find_front([math.log(cost) for cost in costs], gains)
