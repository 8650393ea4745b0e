import pytest

from fauxto.audit.integrity import find_broken
from fauxto.core.errors import ImageStatus


def by_kind(images):
    return {f.kind.removeprefix("integrity."): f for f in find_broken(images)}


def test_sound_files_give_no_finding(make_tables):
    images, _ = make_tables(10)
    assert find_broken(images) == ()


@pytest.mark.parametrize("status", [status.value for status in ImageStatus if status != "ok"])
def test_each_kind_of_broken_file_is_a_finding(make_tables, status):
    images, _ = make_tables(10, status=["ok"] * 9 + [status])
    found = by_kind(images)
    assert set(found) == {status}
    assert found[status].severity == "warning"
    assert found[status].rows == (images["path"][9],)
    assert found[status].evidence == {"real": 0, "fake": 1, "share": 0.1}


def test_a_fifth_of_broken_files_blocks(make_tables):
    images, _ = make_tables(10, status=["ok"] * 8 + ["empty", "truncated"])
    assert {finding.severity for finding in find_broken(images)} == {"blocking"}


def test_extension_that_lies_is_found_whatever_its_case(make_tables):
    paths = ["a.JPG", "b.jpeg", "c.png", "d.webp", "e", "f.unknown", "g/h.jpg.png", "i.jfif"]
    images, _ = make_tables(8, path=paths)
    assert by_kind(images)["extension"].rows == ("c.png", "d.webp", "g/h.jpg.png")


def test_facts_of_broken_files_are_not_judged(make_tables):
    images, _ = make_tables(
        2, path=["a.png", "b.png"], status=["empty", "ok"], format=[None, "PNG"]
    )
    assert set(by_kind(images)) == {"empty"}


@pytest.mark.parametrize(
    ("column", "usual", "odd", "kind"),
    [
        ("frames", 1, 12, "frames"),
        ("mode", "L", "CMYK", "mode"),
        ("orientation", 1, 6, "orientation"),
    ],
)
def test_unusual_files_are_found(make_tables, column, usual, odd, kind):
    images, _ = make_tables(4, **{column: [usual, odd, odd, usual]})
    found = by_kind(images)
    assert set(found) == {kind}
    assert found[kind].count == 2


def test_missing_orientation_is_not_unusual(make_tables):
    images, _ = make_tables(4, orientation=[None, 1, None, 1])
    assert find_broken(images) == ()
