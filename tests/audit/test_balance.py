from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fauxto.audit.balance import find_imbalance, summarise


def by_kind(images):
    return {f.kind.removeprefix("balance."): f for f in find_imbalance(images)}


def test_even_data_gives_no_finding(make_tables):
    images, _ = make_tables(200, split=["train", "train", "test", "test"] * 50)
    assert find_imbalance(images) == ()


def test_data_without_a_usable_image_blocks(make_tables):
    images, _ = make_tables(4, status="empty")
    assert by_kind(images)["no_images"].severity == "blocking"


def test_a_class_missing_from_the_data_blocks_once(make_tables):
    images, _ = make_tables(8, label=["fake"] * 8, split=["train", "test"] * 4)
    found = by_kind(images)
    assert set(found) == {"missing_class.data"}
    assert found["missing_class.data"].title == "The data have no real image"


def test_a_class_missing_from_one_split_blocks(make_tables):
    images, _ = make_tables(8, split=["train"] * 4 + ["test", None] * 2)
    assert by_kind(images)["missing_class.test"].title == "The test split has no fake image"


@pytest.mark.parametrize(("fakes", "found"), [(34, True), (35, False)])
def test_lopsided_classes_warn_below_35_percent(make_tables, fakes, found):
    images, _ = make_tables(100, label=["fake"] * fakes + ["real"] * (100 - fakes))
    assert ("classes.data" in by_kind(images)) is found


def test_the_smaller_class_is_named_in_each_split_and_its_images_shown(make_tables):
    labels = ["fake"] * 2 + ["real"] * 8 + ["fake"] * 9 + ["real"]
    images, _ = make_tables(20, label=labels, split=["train"] * 10 + ["test"] * 10)
    found = by_kind(images)
    train, test = found["classes.train"], found["classes.test"]
    assert train.title == "Only 20% of the images in the train split are fake"
    assert train.rows == tuple(images["path"][:2])
    assert train.evidence == {"real": 8, "fake": 2, "share": 0.2, "images": 10}
    assert test.title == "Only 10% of the images in the test split are real"
    assert test.rows == (images["path"][19],)
    assert (train.severity, test.severity) == ("warning", "warning")
    whole = by_kind(images.with_columns(split=pl.lit(None, dtype=pl.String)))
    assert "classes.data" not in whole  # 11 of 20


def test_sources_of_one_class_are_counted_and_warn_where_they_are_many(make_tables):
    images, _ = make_tables(40, source=["mixed"] * 20 + ["camera", "generator"] * 10)
    finding = by_kind(images)["one_sided_source"]
    assert finding.severity == "warning"
    assert finding.title == "2 sources of 3 hold one class only"
    assert finding.evidence["sources"] == 2
    assert finding.evidence["sources_in_all"] == 3
    assert finding.evidence["share"] == 0.5
    assert finding.count == 20


@pytest.mark.parametrize(("images", "severity"), [(13, "info"), (14, "warning")])
def test_a_third_of_the_images_from_sources_of_one_class_is_a_warning(
    make_tables, images, severity
):
    sources = ["camera" if row % 2 == 0 and row < 2 * images else "mixed" for row in range(40)]
    finding = by_kind(make_tables(40, source=sources)[0])["one_sided_source"]
    assert finding.title == "1 source of 2 holds one class only"
    assert finding.severity == severity
    assert finding.evidence["real"] == images


def test_images_without_a_source_are_of_no_source(make_tables):
    images, _ = make_tables(8, source=["a", "a"] * 3 + [None, None], split=["train", "test"] * 4)
    assert "unseen_source" not in by_kind(images)
    assert "one_sided_source" not in by_kind(images)


def test_real_image_whose_file_names_a_generator_warns(make_tables):
    hints = [None, "a generator", "a generator", None]
    images, _ = make_tables(4, generator_hint=hints)
    assert by_kind(images)["real_with_generator"].rows == (images["path"][2],)
    named, _ = make_tables(4, generator=["flux", "flux", None, None])
    finding = by_kind(named)["real_with_generator"]
    assert finding.title == "1 real image named as made by a generator"
    assert finding.rows == (named["path"][0],)


def test_test_sources_unknown_to_training_are_told(make_tables):
    images, _ = make_tables(
        40, split=["train", "train", "test", "test"] * 10, source=["a"] * 38 + ["b"] * 2
    )
    finding = by_kind(images)["unseen_source"]
    assert finding.title == "2 test images from 1 source that the train split lacks"
    assert finding.evidence["sources"] == 1
    assert finding.evidence["test_images"] == 20
    assert finding.count == 2


def test_split_with_other_sizes_is_told_and_names_the_fact(make_tables):
    width = np.random.default_rng(0).integers(200, 2000, 400)
    width[200:] += 1500
    images, _ = make_tables(400, split=["train"] * 200 + ["val"] * 200, width=width)
    finding = by_kind(images)["drift.val"]
    assert "width" in finding.title
    assert finding.evidence["ks_width_real"] > 0.5
    assert "ks_brightness_real" not in finding.evidence
    assert finding.count == 200
    assert set(by_kind(images)) == {"drift.val"}


def test_drift_of_one_class_is_told_of_that_class(make_tables):
    bright = np.full(400, 0.3) + np.random.default_rng(0).uniform(0, 0.1, 400)
    bright[201::2] += 0.05  # fakes of the test split, half of them beyond all others
    images, _ = make_tables(400, split=["train"] * 200 + ["test"] * 200, brightness=bright)
    finding = by_kind(images)["drift.test"]
    assert finding.title == "Train and test differ, most of all in brightness of fake images"
    distances = {name: value for name, value in finding.evidence.items() if name[:3] == "ks_"}
    assert set(distances) == {"ks_brightness_fake"}
    assert distances["ks_brightness_fake"] == pytest.approx(0.5, abs=0.1)


def test_a_few_images_are_too_few_to_call_it_drift(make_tables):
    images, _ = make_tables(
        16, split=["train"] * 8 + ["test"] * 8, brightness=[0.2] * 8 + [0.7] * 8
    )
    assert by_kind(images) == {}


@pytest.mark.parametrize(("distance", "found"), [(0.14, False), (0.16, True)])
def test_a_small_shift_is_no_drift_however_many_images_show_it(make_tables, distance, found):
    spread_evenly = np.repeat(np.linspace(0.3, 0.4, 1000), 2)  # in both classes
    bright = np.concatenate([spread_evenly, spread_evenly + 0.1 * distance])
    splits = ["train"] * 2000 + ["test"] * 2000
    images, _ = make_tables(4000, split=splits, brightness=bright, sharpness=300.0)
    assert ("drift.test" in by_kind(images)) is found


@pytest.mark.parametrize(("distance", "found"), [(0.22, False), (0.24, True)])
def test_drift_is_certain_enough_for_sixteen_comparisons_of_which_one_may_be_chance(
    make_tables, distance, found
):
    """With 200 images a class and split, 0.22 has p = 0.0001: of 16 such, one is likelier."""
    spread_evenly = np.repeat(np.linspace(0.3, 0.4, 200), 2)
    bright = np.concatenate([spread_evenly, spread_evenly + 0.1 * distance])
    splits = ["train"] * 400 + ["test"] * 400
    images, _ = make_tables(800, split=splits, brightness=bright)
    assert ("drift.test" in by_kind(images)) is found


def test_a_fact_that_a_split_lacks_is_not_compared(make_tables):
    images, _ = make_tables(
        80, split=["train"] * 40 + ["test"] * 40, sharpness=[300.0] * 40 + [None] * 40
    )
    assert by_kind(images) == {}


def test_statistics_are_those_of_the_usable_images(make_tables):
    images, _ = make_tables(
        4,
        label=["real", "real", "real", "fake"],
        status=["ok", "ok", "truncated", "empty"],
        width=[100, 300, 9999, None],
        height=[100, 100, 1, None],
    )
    statistics = summarise(images, data=Path("data"), layout="two folders")
    real, fake = statistics.classes
    assert (real.files, real.readable, fake.files, fake.readable) == (3, 2, 1, 0)
    assert (real.width.mean, real.width.min, real.width.max) == (200, 100, 300)
    assert (real.aspect.mean, real.square) == (2, 0.5)
    assert fake.width is None
    assert statistics.statuses == {"ok": 2, "empty": 1, "truncated": 1}
    assert list(statistics.statuses) == ["ok", "empty", "truncated"]


def test_files_are_counted_by_class_split_source_and_generator(make_tables):
    images, _ = make_tables(
        5,
        label=["real", "real", "fake", "fake", "fake"],
        split=["train", "train", "train", "test", "test"],
        source=["web", "web", "web", "web", None],
        generator=[None, None, "flux", "flux", "flux"],
        status=["ok", "empty", "ok", "ok", "ok"],
    )
    counts = summarise(images, data=Path("data"), layout="a table").counts
    assert [tuple(count.model_dump(mode="json").values()) for count in counts] == [
        ("fake", "test", None, "flux", 1, 1),
        ("fake", "test", "web", "flux", 1, 1),
        ("real", "train", "web", None, 2, 1),
        ("fake", "train", "web", "flux", 1, 1),
    ]


def test_findings_do_not_depend_on_row_order(make_tables):
    images, _ = make_tables(100, label=["fake"] * 10 + ["real"] * 90, source=["a", "b"] * 50)
    shuffled = images.sample(fraction=1, shuffle=True, seed=3)
    kinds = [(f.kind, f.count, f.evidence) for f in find_imbalance(images)]
    assert kinds == [(f.kind, f.count, f.evidence) for f in find_imbalance(shuffled)]


def test_the_warning_of_lopsided_classes_counts_both(make_tables):
    images, _ = make_tables(100, label=["fake"] * 32 + ["real"] * 68)
    evidence = by_kind(images)["classes.data"].evidence
    assert (evidence["real"], evidence["fake"], evidence["images"]) == (68, 32, 100)
