import numpy as np
import polars as pl

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
