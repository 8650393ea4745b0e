import numpy as np
import pytest

from fauxto.audit.shortcut_rules import find_rule, rank_facts
from fauxto.data.shortcut_facts import Facts

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
NAN = float("nan")


def facts(*columns, flags=None):
    names = tuple("abcdef"[: len(columns)])
    return Facts(np.array(columns, dtype=float).T, names, flags or (False,) * len(columns))


def test_rule_by_hand():
    rule = find_rule(facts([1, 2, 3, 9, 4, 8, 7, 6]), LABELS)
    assert rule.text == "fake if a ≥ 4"
    assert rule.balanced_accuracy == pytest.approx((1 + 3 / 4) / 2)
    assert rule.coverage == pytest.approx(5 / 8)


def test_rule_may_point_downwards():
    assert find_rule(facts([5, 6, 7, 8, 1, 2, 3, 4]), LABELS).text == "fake if a < 5"


def test_image_without_the_fact_does_not_meet_the_rule():
    rule = find_rule(facts([NAN, NAN, 1, NAN, 1, 1, 1, NAN]), LABELS)
    assert rule.text == "fake if a ≥ 1"
    assert rule.balanced_accuracy == pytest.approx((3 / 4 + 3 / 4) / 2)


def test_statement_is_worded_as_one():
    statement = facts([0, 0, 0, 0, 1, 1, 1, 1], flags=(True,))
    assert find_rule(statement, LABELS).text == "fake if a"
    assert find_rule(statement, 1 - LABELS).text == "fake unless a"


def test_statement_is_preferred_to_an_equal_number():
    both = facts([1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 0, 0, 1, 1, 1, 1], flags=(False, True))
    rule = find_rule(both, LABELS)
    assert rule.text == "fake if b"
    assert rule.balanced_accuracy == 1


def test_no_known_fact_gives_no_rule():
    assert find_rule(facts([NAN] * 8), LABELS) is None


def test_ranking_by_hand_is_folded_and_strongest_first():
    useless, falling, good = [1] * 8, [8, 7, 6, 5, 4, 3, 2, 1], [1, 2, 3, 9, 4, 8, 7, 6]
    ranking = rank_facts(facts(useless, falling, good), LABELS)
    assert list(ranking) == ["b", "c", "a"]
    assert ranking == {"b": 1.0, "c": 0.75, "a": 0.5}
