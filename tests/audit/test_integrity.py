import polars as pl
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


def test_broken_files_block_from_a_fifth_on_and_titles_count_them(make_tables):
    images, _ = make_tables(100, status=["ok"] * 81 + ["truncated"] + ["not_an_image"] * 18)
    found = by_kind(images)
    assert {finding.severity for finding in found.values()} == {"warning"}
    assert found["truncated"].title == "1 file ends too early"
    assert found["not_an_image"].title == "18 files are not images"
    assert found["not_an_image"].evidence["share"] == 0.18
    assert found["truncated"].advice.startswith("Copy or download it again. 'fauxto prepare'")
    worse = by_kind(images.with_columns(status=images["status"].shift(-1, fill_value="empty")))
    assert {finding.severity for finding in worse.values()} == {"blocking"}


@pytest.mark.parametrize(
    ("suffix", "image_format"),
    [
        ("jpg", "JPEG"), ("jpeg", "MPO"), ("jpe", "JPEG"), ("jfif", "JPEG"), ("mpo", "MPO"),
        ("png", "PNG"), ("apng", "PNG"), ("webp", "WEBP"), ("gif", "GIF"), ("bmp", "BMP"),
        ("dib", "DIB"), ("tif", "TIFF"), ("tiff", "TIFF"), ("avif", "AVIF"), ("heic", "HEIF"),
        ("heif", "AVIF"),
    ],
)  # fmt: skip
def test_extension_that_tells_the_truth_is_no_finding(make_tables, suffix, image_format):
    images, _ = make_tables(2, path=[f"a.{suffix}", f"B.{suffix.upper()}"], format=image_format)
    assert find_broken(images) == ()
    other = images.with_columns(format=pl.lit("ICO"))
    assert by_kind(other)["extension"].title == (
        "2 images named as another format than the content is"
    )


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
    assert found[kind].rows == tuple(images["path"][1:3])
    assert found[kind].severity == ("warning" if kind == "frames" else "info")


def test_missing_orientation_is_not_unusual(make_tables):
    images, _ = make_tables(4, orientation=[None, 1, None, 1])
    assert find_broken(images) == ()
