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


def test_rule_that_points_downwards_by_hand():
    rule = find_rule(facts([2, 8, 7, 6, 1, 3, 4, 9]), LABELS)
    assert rule.text == "fake if a < 6"
    assert rule.balanced_accuracy == pytest.approx((3 / 4 + 3 / 4) / 2)
    assert rule.coverage == pytest.approx(4 / 8)


def test_classes_of_different_size_count_equally():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    rule = find_rule(facts([1, 2, 3, 8, 9, 9, 8, 9]), labels)
    assert rule.text == "fake if a ≥ 8"
    assert rule.balanced_accuracy == pytest.approx((2 / 2 + 3 / 6) / 2)
    ordered_rightly = (3 + 1 / 2) + (4 + 2 / 2)  # reals below each fake, ties by half
    ranking = rank_facts(facts([1, 2, 3, 8, 9, 9, 8, 9]), labels)
    assert ranking == {"a": pytest.approx(ordered_rightly / (2 * 6))}


@pytest.mark.parametrize(
    ("limit", "words"),
    [(1024, "1,024"), (2, "2"), (-3000, "-3,000"), (1.5, "1.5"), (0.12345, "0.123"), (0, "0")],
)
def test_limits_are_written_for_reading(limit, words):
    values = np.where(LABELS == 1, limit, limit - 1)
    assert find_rule(facts(values), LABELS).text == f"fake if a ≥ {words}"


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


def test_number_is_preferred_to_a_statement_that_is_a_point_worse():
    labels = np.repeat([0, 1], 100)
    statement = np.where(np.arange(200) < 197, labels, 0)
    both = facts(np.arange(200), statement, flags=(False, True))
    rule = find_rule(both, labels)
    assert rule.text == "fake if a ≥ 100"
    assert rule.balanced_accuracy == 1
    nearly = facts(np.arange(200), np.where(np.arange(200) < 199, labels, 0), flags=(False, True))
    assert find_rule(nearly, labels).text == "fake if b"
    assert find_rule(nearly, labels).balanced_accuracy == pytest.approx(0.995)


def test_first_of_equal_facts_is_taken_and_five_are_ranked():
    same = [[1, 2, 3, 9, 4, 8, 7, 6]] * 6
    assert find_rule(facts(*same), LABELS).text == "fake if a ≥ 4"
    assert list(rank_facts(facts(*same), LABELS)) == ["a", "b", "c", "d", "e"]


def test_missing_facts_rank_below_all_known():
    ranking = rank_facts(facts([NAN, NAN, 5, 6, 7, 8, 9, 9]), LABELS)
    assert ranking == {"a": 1.0}


def test_no_known_fact_gives_no_rule():
    assert find_rule(facts([NAN] * 8), LABELS) is None


def test_ranking_by_hand_is_folded_and_strongest_first():
    useless, falling, good = [1] * 8, [8, 7, 6, 5, 4, 3, 2, 1], [1, 2, 3, 9, 4, 8, 7, 6]
    ranking = rank_facts(facts(useless, falling, good), LABELS)
    assert list(ranking) == ["b", "c", "a"]
    assert ranking == {"b": 1.0, "c": 0.75, "a": 0.5}
