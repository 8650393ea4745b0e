import numpy as np
import pytest

from fauxto.metrics.parts import (
    ALL_IMAGES,
    MODEL,
    UNSEEN,
    Control,
    describe_shortcut,
    join_words,
    measure_part,
)
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


def _control(scorer, right, images=ALL_IMAGES):
    labels = np.array([0, 1] * 10)
    scores = np.where(labels == 1, 0.75, 0.25)
    scores[right:] = 1 - scores[right:]
    return Control(
        scorer=scorer,
        images=images,
        part=measure_part(scorer, labels, scores, 0.5, groups=[None] * 20),
    )


def test_only_models_that_a_baseline_reaches_are_named():
    weak = (_control(MODEL, 16), _control("file facts", 18), _control("16 × 16 pixels", 12))
    strong = (_control(MODEL, 20), _control("file facts", 18))
    said = describe_shortcut({"weak": weak, "strong": strong, "as weak": weak})
    assert said == (
        "The baseline 'file facts', which never sees a picture's detail, ranks these images at "
        "least as well as weak and as weak: ROC-AUC 90.0 % against 80.0 % and 80.0 %; right on "
        "90.0 % of them against 80.0 % and 80.0 %."
    )
    assert describe_shortcut({"strong": strong}) is None
    assert describe_shortcut({"none": (), "alone": (_control(MODEL, 12),)}) is None


def test_a_baseline_on_a_part_of_the_images_says_nothing_of_all():
    part = (_control(MODEL, 16), _control("file facts", 20, UNSEEN))
    assert describe_shortcut({"model": part}) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_words_are_joined_as_in_a_sentence(words, said):
    assert join_words(words) == said
