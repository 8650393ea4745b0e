import numpy as np
import polars as pl
import pytest

from fauxto.audit import duplicates as module
from fauxto.audit.duplicates import find_duplicates


def by_kind(duplicates):
    return {finding.kind.removeprefix("duplicates."): finding for finding in duplicates.findings}


def copy_row(frame, source, target, *columns):
    return frame.with_columns(
        pl.when(pl.int_range(pl.len()) == target)
        .then(pl.col(column).get(source))
        .otherwise(column)
        .alias(column)
        for column in columns
    )


def groups_of(duplicates, images):
    return images.select("path").join(duplicates.groups, on="path", maintain_order="left")["group"]


def test_unrelated_pictures_have_no_group_and_no_finding(make_tables):
    images, thumbnails = make_tables(200)
    duplicates = find_duplicates(images, thumbnails)
    assert duplicates.findings == ()
    assert duplicates.groups["group"].null_count() == 200
    assert duplicates.groups["path"].is_sorted()


def test_byte_copies_are_found_even_where_nothing_was_decoded(make_tables):
    images, thumbnails = make_tables(40, status=["truncated"] * 40)
    images = copy_row(images, 0, 2, "sha256")
    duplicates = find_duplicates(images, thumbnails.clear())
    assert by_kind(duplicates)["exact"].count == 2
    group = groups_of(duplicates, images)
    assert group[0] == group[2] == min(images["path"][0], images["path"][2])


def test_same_pixels_in_other_bytes_are_found(make_tables):
    images, thumbnails = make_tables(40)
    thumbnails = copy_row(thumbnails, 1, 3, "pixel_sha256")
    found = by_kind(find_duplicates(images, thumbnails))
    assert set(found) == {"pixels"}
    assert set(found["pixels"].rows) == {images["path"][1], images["path"][3]}


def test_near_copies_chain_into_one_group(make_tables):
    images, thumbnails = make_tables(40)
    thumbnails = copy_row(copy_row(thumbnails, 0, 2, "thumb16"), 0, 4, "thumb16")
    hashes = images["phash"].to_numpy().copy()
    hashes[2] = hashes[0] ^ np.uint64(0b111111)
    hashes[4] = hashes[2] ^ np.uint64(0b111111 << 20)
    images = images.with_columns(phash=pl.Series(hashes))
    duplicates = find_duplicates(images, thumbnails)
    near = by_kind(duplicates)["near"]
    assert near.count == 3
    assert near.evidence["largest_group"] == 3
    assert groups_of(duplicates, images)[[0, 2, 4]].n_unique() == 1


def test_one_picture_with_both_labels_blocks(make_tables):
    images, thumbnails = make_tables(40)
    found = by_kind(find_duplicates(copy_row(images, 0, 1, "sha256"), thumbnails))
    assert found["across_labels"].severity == "blocking"
    assert found["across_labels"].evidence == {"real": 1, "fake": 1, "groups": 1}
    assert "across_splits" not in found


def test_one_picture_in_two_splits_blocks(make_tables):
    images, thumbnails = make_tables(40, split=["train", "train", "test", "test"] * 10)
    found = by_kind(find_duplicates(copy_row(images, 0, 2, "sha256"), thumbnails))
    assert found["across_splits"].severity == "blocking"
    assert found["across_splits"].count == 2
    assert "across_labels" not in found


def test_plain_pictures_do_not_collapse_into_one_group(make_tables):
    images, thumbnails = make_tables(60)
    plain = [bytes([level]) * 768 for level in range(60)]
    images = images.with_columns(phash=pl.lit(0, dtype=pl.UInt64))
    thumbnails = thumbnails.with_columns(
        thumb16=pl.Series(plain), phash_mirrored=pl.lit(0, dtype=pl.UInt64)
    )
    assert find_duplicates(images, thumbnails).findings == ()


def test_groups_do_not_depend_on_row_order(make_tables):
    images, thumbnails = make_tables(60)
    images = copy_row(copy_row(images, 0, 7, "sha256"), 3, 9, "sha256")
    straight = find_duplicates(images, thumbnails)
    shuffled = find_duplicates(
        images.sample(fraction=1, shuffle=True, seed=1), thumbnails.reverse()
    )
    assert straight.groups.equals(shuffled.groups)
    assert straight.findings == shuffled.findings


def test_a_finding_names_at_most_200_rows_but_counts_all(make_tables):
    images, thumbnails = make_tables(500, sha256=["0" * 64] * 500)
    exact = by_kind(find_duplicates(images, thumbnails))["exact"]
    assert (exact.count, len(exact.rows)) == (500, 200)


def test_titles_and_numbers_of_copies(make_tables):
    images, thumbnails = make_tables(40, sha256=["a"] * 2 + ["b"] * 5 + [f"{n}" for n in range(33)])
    found = by_kind(find_duplicates(images, thumbnails))
    exact = found["exact"]
    assert exact.title == "7 images are byte for byte copies of another"
    assert exact.evidence == {"real": 4, "fake": 3, "groups": 2, "largest_group": 5}
    assert found["across_labels"].title == "2 pictures labelled both real and fake"
    first, *others = sorted([images["path"][:2].to_list(), images["path"][2:7].to_list()], key=min)
    assert set(exact.rows[: len(first)]) == set(first)
    assert set(exact.rows[len(first) :]) == set(others[0])


def test_one_picture_across_labels_and_splits_shows_fake_before_real(make_tables):
    images, thumbnails = make_tables(40, split=["train", "train", "test", "test"] * 10)
    images = copy_row(copy_row(images, 0, 1, "sha256"), 0, 2, "sha256")
    found = by_kind(find_duplicates(images, thumbnails))
    real, fake, real_in_test = images["path"][:3]
    assert found["across_labels"].title == "1 picture labelled both real and fake"
    assert found["across_labels"].rows == (fake, *sorted([real, real_in_test]))
    assert found["across_splits"].title == "1 picture in more than one split"
    assert found["across_splits"].rows == (real_in_test, *sorted([real, fake]))
    assert found["across_splits"].evidence == {"real": 2, "fake": 1, "groups": 1}


def near_copies(make_tables, thumbs, *, mirrored=False):
    """Return what is found of two pictures with one hash, and 38 others."""
    images, thumbnails = make_tables(40)
    hashes = images["phash"].to_list(), thumbnails["phash_mirrored"].to_list()
    if mirrored:
        hashes[0][1], hashes[1][1] = hashes[1][0], hashes[0][0]
    else:
        hashes[0][1], hashes[1][1] = hashes[0][0], hashes[1][0]
    pixels = thumbnails["thumb16"].to_list()
    pixels[:2] = [np.asarray(thumb, dtype=np.uint8).tobytes() for thumb in thumbs]
    images = images.with_columns(phash=pl.Series(hashes[0], dtype=pl.UInt64))
    thumbnails = thumbnails.with_columns(
        phash_mirrored=pl.Series(hashes[1], dtype=pl.UInt64), thumb16=pl.Series(pixels)
    )
    return by_kind(find_duplicates(images, thumbnails)).get("near")


def test_mirror_images_are_found_and_counted(make_tables):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3))
    near = near_copies(make_tables, (picture, picture[:, ::-1]), mirrored=True)
    assert near.title == "2 images look almost like another"
    assert near.evidence == {
        "real": 1, "fake": 1, "groups": 1, "largest_group": 2, "mirrored_pairs": 1,
    }  # fmt: skip
    assert near_copies(make_tables, (picture, picture)).evidence["mirrored_pairs"] == 0


@pytest.mark.parametrize(("contrast", "found"), [(4, True), (3, False)])
def test_pictures_too_plain_for_their_hash_are_no_near_copies(make_tables, contrast, found):
    """A chequered thumbnail of 128 plus and minus 4 has a standard deviation of 4 levels."""
    squares = np.indices((16, 16)).sum(axis=0) % 2 * 2 - 1
    picture = np.repeat((128 + contrast * squares)[:, :, None], 3, axis=2)
    assert (near_copies(make_tables, (picture, picture)) is not None) is found


@pytest.mark.parametrize(("channel", "found"), [(0, False), (1, False), (2, True)])
def test_thumbnails_are_compared_by_their_brightness(make_tables, channel, found):
    """Blue counts a ninth of it, so pictures that differ in blue alone still look alike."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (16, 16, 3))
    other = picture.copy()
    other[..., channel] = rng.integers(0, 256, (16, 16))
    assert (near_copies(make_tables, (picture, other)) is not None) is found


@pytest.mark.parametrize("rows", [1, 7, 39, 40])
def test_thumbnails_read_some_at_a_time_give_the_same(make_tables, monkeypatch, rows):
    images, thumbnails = make_tables(40, status=["ok"] * 20 + ["empty"] * 4 + ["ok"] * 16)
    for source, target in ((0, 5), (0, 38), (6, 7), (13, 14)):
        images = copy_row(images, source, target, "phash")
        thumbnails = copy_row(thumbnails, source, target, "thumb16", "phash_mirrored")
    thumbnails = copy_row(thumbnails, 0, 5, "pixel_sha256")  # is not compared a second time
    kept = images["status"] == "ok"
    whole = find_duplicates(images, thumbnails.filter(kept))
    assert by_kind(whole)["near"].evidence["groups"] == 3
    monkeypatch.setattr(module, "_GREY_ROWS", rows)
    in_parts = find_duplicates(images, thumbnails.filter(kept).lazy())
    assert in_parts.groups.equals(whole.groups)
    assert in_parts.findings == whole.findings
