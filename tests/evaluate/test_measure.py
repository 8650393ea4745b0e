import numpy as np
import polars as pl
import pytest

from fauxto.core.errors import DataError
from fauxto.core.records import DataSummary
from fauxto.evaluate.measure import Subject, measure
from fauxto.evaluate.mistakes import choose_gallery
from fauxto.evaluate.page import list_cautions
from fauxto.evaluate.predictions import build_predictions
from fauxto.evaluate.slices import part_images
from fauxto.metrics.parts import Control, measure_part

SUBJECT = Subject(run="lite", split="test", split_method="random", threshold=0.55)


@pytest.fixture
def predictions(images, card):
    """Scores rise with the row; the last row is broken."""
    logits = np.zeros((12, 2))
    logits[:, 1] = np.linspace(-6, 6, 12)
    return build_predictions(images, logits, {11: "undecodable: no"}, card)


def test_broken_images_are_counted_and_left_out(predictions):
    metrics = measure(predictions, SUBJECT)
    assert (metrics.n, metrics.n_errors) == (11, 1)
    assert metrics.confusion.tp + metrics.confusion.fn == 5
    assert metrics.n_groups == 3
    assert metrics.n_unsure == 1


def test_metrics_ignore_row_order(predictions):
    assert measure(predictions.reverse(), SUBJECT) == measure(predictions, SUBJECT)


def test_nothing_that_can_be_read_is_an_error_with_the_first_reason(predictions):
    broken = predictions.filter(pl.col("error").is_not_null())
    with pytest.raises(DataError, match=r"none of the 1 images.*undecodable: no"):
        measure(broken, SUBJECT)


def test_slices_are_by_source_generator_and_facts_of_the_file(predictions):
    metrics = measure(predictions, SUBJECT)
    found = {part.by for part in metrics.slices}
    assert found == {"source", "generator", "format", "size", "aspect", "jpeg quality"}
    generators = {part.value: part for part in metrics.slices if part.by == "generator"}
    assert set(generators) == {"sd", "dalle"}
    assert generators["sd"].accuracy_real is None
    assert (generators["sd"].n, generators["dalle"].n) == (3, 2)
    ends = [part.interval[1] for part in metrics.slices]
    assert ends == sorted(ends)


def test_files_are_parted_at_fixed_limits():
    frame = pl.DataFrame(
        {
            "width": [100, 256, 511, 3000, None],
            "height": [900, 256, 2000, 2048, 5],
            "jpeg_quality": [69, 70, 94, 95, None],
        }
    )
    parts = part_images(frame)
    assert parts["size"] == [
        "under 256 px",
        "256 to 511 px",
        "256 to 511 px",
        "2048 px and more",
        None,
    ]
    assert parts["aspect"] == ["portrait", "square", "portrait", "landscape", None]
    assert parts["jpeg quality"] == ["under 70", "70 to 84", "85 to 94", "95 and more", None]


def test_any_column_of_words_parts_the_images_but_an_identifier_does_not():
    frame = pl.DataFrame(
        {
            "style": ["a", "b"] * 40,
            "night": [True, False] * 40,
            "constant": ["x"] * 80,
            "name": [f"{index}" for index in range(80)],
            "number": [1.5] * 80,
        }
    )
    assert set(part_images(frame)) == {"style", "night"}


def test_gallery_has_the_surest_mistakes_first(predictions):
    gallery = choose_gallery(predictions.filter(pl.col("score").is_not_null()), 0.55, most=2)
    missed, accused = gallery.fakes_called_real, gallery.reals_called_fake
    assert missed["label"].unique().to_list() == ["fake"]
    assert missed["score"].is_sorted()
    assert missed["score"].max() < 0.55
    assert accused["score"].is_sorted(descending=True)
    assert accused["score"].min() >= 0.55
    assert (len(missed), len(accused), len(gallery.least_certain)) == (2, 2, 1)


@pytest.mark.parametrize(
    ("split", "method", "words"),
    [
        ("train", "random", "trained on"),
        ("val", "random", "chosen on these images"),
        ("test", "random", "Sources and generators are not recorded"),
        ("test", "unknown", "trained on is not known"),
    ],
)
def test_page_warns_of_numbers_that_flatter(predictions, split, method, words):
    metrics = measure(predictions, Subject("lite", split, method, 0.55))
    assert any(words in caution for caution in list_cautions(metrics))
    assert any("smaller class has 5 images" in caution for caution in list_cautions(metrics))


def test_held_out_numbers_need_no_such_warning(predictions):
    metrics = measure(predictions, Subject("lite", "test", "generator-held-out", 0.55))
    assert not any("expect less" in caution for caution in list_cautions(metrics))


@pytest.mark.parametrize(("sources", "warned"), [(("pexels", "wikiart"), True), (("x",), False)])
def test_page_warns_where_nothing_unseen_was_tested(predictions, sources, warned):
    trained = DataSummary(digest="0", counts={}, sources=dict.fromkeys(sources, 1))
    subject = Subject("lite", "test", "random", 0.55, trained_on=trained)
    cautions = list_cautions(measure(predictions, subject))
    assert any("held-out" in caution for caution in cautions) == warned


def test_numbers_part_the_images_by_quarters_and_few_of_them_by_value():
    frame = pl.DataFrame(
        {"sharpness": [float(n) for n in range(79)] + [None], "year": [2020, 2021] * 40}
    )
    parts = part_images(frame)
    assert parts["year"][:2] == ["2020", "2021"]
    assert parts["sharpness"][0] == "under 19.5"
    assert parts["sharpness"][78] == "58.5 and more"
    assert parts["sharpness"][79] is None
    counts = [parts["sharpness"].count(name) for name in dict.fromkeys(parts["sharpness"][:79])]
    assert sorted(counts) == [19, 20, 20, 20]


@pytest.mark.parametrize(("of_baseline", "warned"), [(0.9, True), (0.6, False)])
def test_page_says_where_a_baseline_ranks_as_well_as_the_model(predictions, of_baseline, warned):
    part = measure_part("x", np.array([0, 1]), np.array([0.1, 0.9]), 0.5, groups=[None, None])
    controls = tuple(
        Control(scorer=name, images="all", part=part.model_copy(update={"roc_auc": auc}))
        for name, auc in (("model", 0.8), ("file facts", of_baseline), ("pixels", 0.5))
    )
    metrics = measure(predictions, Subject("lite", "test", "random", 0.55), controls=controls)
    told = [caution for caution in list_cautions(metrics) if "'file facts'" in caution]
    assert bool(told) == warned
    assert all("ROC-AUC 90.0 % against 80.0 %" in caution for caution in told)
