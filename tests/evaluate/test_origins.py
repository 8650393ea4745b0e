import numpy as np
import polars as pl
import pytest

from fauxto.core.records import DataSummary
from fauxto.evaluate.origins import complete_classes, measure_seen, was_seen
from fauxto.metrics.parts import SEEN, UNSEEN

TRAINED = DataSummary(digest="0", counts={}, sources={"a": 5, "b": 5}, generators={"sd": 5})


def rows(*pairs):
    source, generator = zip(*pairs, strict=True)
    return pl.DataFrame(
        {"source": source, "generator": generator, "group": [None] * len(pairs)},
        schema=dict.fromkeys(("source", "generator", "group"), pl.String),
    )


def test_seen_means_source_and_generator_wherever_they_are_known():
    frame = rows(
        ("a", None), ("a", "sd"), (None, "sd"), ("new", "sd"), ("a", "dalle"), (None, None)
    )
    assert was_seen(frame, TRAINED) == [True, True, True, False, False, None]
    only_sources = TRAINED.model_copy(update={"generators": {}})
    assert was_seen(frame, only_sources) == [True, True, None, False, True, None]
    assert was_seen(frame, DataSummary(digest="0", counts={})) == [None] * 6


def test_the_two_parts_have_their_own_numbers():
    frame = rows(("a", None), ("a", "sd"), ("new", None), ("new", "dalle"))
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.8, 0.2])
    seen, unseen = measure_seen(frame, labels, scores, 0.5, TRAINED)
    assert (seen.name, seen.accuracy, seen.roc_auc) == (SEEN, 1.0, 1.0)
    assert (unseen.name, unseen.accuracy, unseen.roc_auc) == (UNSEEN, 0.0, 0.0)


def test_a_generator_without_reals_of_its_own_is_told_against_all_reals():
    frame = rows(("a", None), ("b", None), ("a", "dalle"))
    labels, scores = np.array([0, 0, 1]), np.array([0.1, 0.4, 0.3])
    (seen, unseen) = measure_seen(frame, labels, scores, 0.5, TRAINED)
    assert (unseen.n_real, unseen.n_fake, unseen.roc_auc) == (2, 1, 0.5)
    assert (seen.n_real, seen.n_fake) == (2, 1)


def test_nothing_known_gives_no_parts():
    frame = rows((None, None), (None, None))
    labels, scores = np.array([0, 1]), np.array([0.2, 0.6])
    assert measure_seen(frame, labels, scores, 0.5, TRAINED) == ()


@pytest.mark.parametrize(
    ("chosen", "completed"),
    [([1, 0, 0, 0], [1, 0, 1, 1]), ([1, 0, 1, 0], [1, 0, 1, 0]), ([0, 0, 0, 1], [1, 1, 0, 1])],
)
def test_only_a_missing_class_is_completed(chosen, completed):
    labels = np.array([0, 0, 1, 1])
    assert complete_classes(np.array(chosen, bool), labels).tolist() == [bool(c) for c in completed]
