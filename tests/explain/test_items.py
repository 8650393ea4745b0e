from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fauxto.core.errors import DataError
from fauxto.core.labels import Label, Split
from fauxto.explain.items import draw_items, name_items
from fauxto.explain.selection import choose_pictures


def make_data(root, counts):
    for (split, label), count in counts.items():
        folder = root / split / label
        folder.mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", (20, 20), (index, 0, 0)).save(folder / f"{label}{index}.png")
    return root


def test_draw_is_balanced_seeded_and_from_the_split_alone(tmp_path):
    data = make_data(
        tmp_path,
        {("train", "real"): 9, ("train", "fake"): 9, ("test", "real"): 12, ("test", "fake"): 8},
    )
    drawn = draw_items(data, Split.TEST, 10, seed=1)
    assert [item.label for item in drawn] == [Label.REAL, Label.FAKE] * 5
    assert all(item.path.startswith("test/") for item in drawn)
    assert all(Path(item.address).is_file() for item in drawn)
    assert drawn == draw_items(data, Split.TEST, 10, seed=1)
    assert drawn != draw_items(data, Split.TEST, 10, seed=2)
    assert len(draw_items(data, Split.TEST, 100, seed=1)) == 20


def test_data_without_splits_is_drawn_whole(tmp_path):
    data = make_data(tmp_path, {("", "real"): 3, ("", "fake"): 3})
    assert len(draw_items(data, Split.TEST, 6, seed=0)) == 6


def test_empty_split_is_named(tmp_path):
    data = make_data(tmp_path, {("train", "real"): 2, ("train", "fake"): 2})
    with pytest.raises(DataError, match="no images in split 'test': it has train"):
        draw_items(data, Split.TEST, 4, seed=0)


def test_named_files_take_the_label_of_their_folder():
    items = name_items([Path("a/FAKE/deep/x.jpg"), Path("a/0_real/y.jpg"), Path("z.jpg")])
    assert [item.label for item in items] == [Label.FAKE, Label.REAL, None]


LABELS = [Label.FAKE] * 4 + [Label.REAL] * 4
MARGINS = np.array([0.4, 0.1, -0.3, -0.02, -0.45, -0.05, 0.2, np.nan])


def test_pictures_hold_hits_misses_and_unsure_of_both_classes():
    choices = choose_pictures(LABELS, MARGINS, 6)
    assert [(c.index, c.reason) for c in choices] == [
        (0, "sure and right"),
        (4, "sure and right"),
        (2, "sure and wrong"),
        (6, "sure and wrong"),
        (3, "close to the threshold"),
        (5, "close to the threshold"),
    ]


def test_every_readable_image_is_chosen_once_when_asked_for_more():
    choices = choose_pictures(LABELS, MARGINS, 50)
    assert sorted(choice.index for choice in choices) == [0, 1, 2, 3, 4, 5, 6]


def test_without_misses_the_places_go_to_others():
    choices = choose_pictures([Label.FAKE, Label.REAL] * 3, np.array([0.3, -0.3] * 3), 4)
    assert len(choices) == 4
    assert all(choice.reason != "sure and wrong" for choice in choices)
