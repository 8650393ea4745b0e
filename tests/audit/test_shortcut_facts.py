import numpy as np

from fauxto.data.shortcut_facts import (
    colour_facts,
    container_facts,
    geometry_facts,
    name_facts,
    name_texts,
    thumbnail_array,
    thumbnail_facts,
)


def column(facts, name):
    return facts.values[:, facts.names.index(name)].tolist()


def test_name_text_has_no_folder_no_extension_and_a_digit_pattern(make_tables):
    images, _ = make_tables(2, path=["fake/IMG_0012.tar.jpg", "Über 7"])
    assert name_texts(images) == ["img_0012.tar aaa_0000.aaa", "über 7 aaaa 0"]


def test_name_facts_by_hand(make_tables):
    facts = name_facts(make_tables(2, path=["a/00042.png", "b/Photo 1.png"])[0])
    assert column(facts, "number at the end of the name") == [42, 1]
    assert column(facts, "the name is a number") == [1, 0]
    assert column(facts, "the name has spaces") == [0, 1]
    assert column(facts, "the name's first word is photo") == [0, 1]


def test_geometry_facts_by_hand(make_tables):
    facts = geometry_facts(make_tables(2, width=[512, 300], height=[512, 200])[0])
    assert column(facts, "width = height") == [1, 0]
    assert column(facts, "both sides are multiples of 64") == [1, 0]
    assert column(facts, "width / height") == [1, 1.5]
    assert column(facts, "shorter side") == [512, 200]


def test_container_facts_never_tell_size_or_label(make_tables):
    images, _ = make_tables(4)
    small = container_facts(images)
    large = container_facts(
        images.with_columns(width=images["width"] * 10, bytes=images["bytes"] * 10)
    )
    np.testing.assert_allclose(small.values, large.values)
    assert not any("real" in name or "fake" in name for name in small.names)


def test_missing_numbers_are_nan_and_missing_categories_no(make_tables):
    facts = container_facts(make_tables(2, jpeg_quality=[90, None], software=["Editor", None])[0])
    assert np.isnan(column(facts, "JPEG quality")).tolist() == [False, True]
    assert column(facts, "software is Editor") == [1, 0]


def test_thumbnail_columns_are_where_their_name_says(make_tables):
    picture = np.zeros((1, 16, 16, 3), dtype=np.uint8)
    picture[0, 2, 4, 1] = 255
    facts = thumbnail_facts(picture)
    assert column(facts, "green in row 3 column 5 of 16") == [1]
    assert facts.values.sum() == 1


def test_colour_facts_by_hand(make_tables):
    images, _ = make_tables(1)
    picture = np.zeros((1, 16, 16, 3), dtype=np.uint8)
    picture[..., 0] = 255
    facts = colour_facts(images, picture)
    assert column(facts, "mean red") == [1]
    assert column(facts, "red minus blue") == [1]
    assert column(facts, "spread of green") == [0]


def test_thumbnail_bytes_keep_their_order(make_tables):
    _, thumbnails = make_tables(3)
    array = thumbnail_array(thumbnails["thumb16"])
    assert array.shape == (3, 16, 16, 3)
    assert array[2].tobytes() == thumbnails["thumb16"][2]
