from pathlib import Path

import numpy as np
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


def test_sources_of_one_class_are_counted_and_warn_where_they_are_many(make_tables):
    images, _ = make_tables(40, source=["mixed"] * 20 + ["camera", "generator"] * 10)
    finding = by_kind(images)["one_sided_source"]
    assert finding.severity == "warning"
    assert finding.evidence["sources"] == 2
    assert finding.evidence["share"] == 0.5


def test_real_image_whose_file_names_a_generator_warns(make_tables):
    hints = [None, "a generator", "a generator", None]
    images, _ = make_tables(4, generator_hint=hints)
    assert by_kind(images)["real_with_generator"].rows == (images["path"][2],)


def test_test_sources_unknown_to_training_are_told(make_tables):
    images, _ = make_tables(
        40, split=["train", "train", "test", "test"] * 10, source=["a"] * 38 + ["b"] * 2
    )
    finding = by_kind(images)["unseen_source"]
    assert finding.evidence["sources"] == 1
    assert finding.count == 2


def test_split_with_other_sizes_is_told_and_names_the_fact(make_tables):
    width = np.random.default_rng(0).integers(200, 2000, 400)
    width[200:] += 1500
    images, _ = make_tables(400, split=["train"] * 200 + ["val"] * 200, width=width)
    finding = by_kind(images)["drift.val"]
    assert "width" in finding.title
    assert finding.evidence["ks_width_real"] > 0.5


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
