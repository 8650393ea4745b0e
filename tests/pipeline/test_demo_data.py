import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from PIL import Image

from fauxto.data.layout import recognise
from fauxto.pipeline.demo_data import CROP_PX, PHOTOGRAPHS, make_demo_data


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return make_demo_data(tmp_path_factory.mktemp("demo") / "data")


@pytest.fixture(scope="module")
def table(demo):
    return pl.read_csv(demo / "images.csv")


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float64)


def test_all_crops_of_a_photograph_are_on_one_side(table):
    sides = table.group_by("source").agg(pl.col("split").n_unique())
    assert (sides["split"] == 1).all()
    assert table["source"].n_unique() == len(PHOTOGRAPHS)


def test_every_split_has_both_labels_in_near_equal_numbers(table):
    for split in ("train", "val", "test"):
        rows = table.filter(pl.col("split") == split)
        fakes = (rows["label"] == "fake").mean()
        assert 0.4 < fakes < 0.6
        assert rows.height >= 20


def test_every_file_is_listed_and_recognised(demo, table):
    listing = recognise(demo)
    listed = {file.path for file in listing.files}
    assert (
        set(table["path"]) | {"train/real/cut-short.png", "test/fake/not-a-picture.jpg"} == listed
    )
    assert {file.source for file in listing.files if file.path in set(table["path"])} == set(
        table["source"]
    )


def test_size_and_format_tell_nothing(demo, table):
    for path in table["path"]:
        with Image.open(demo / path) as image:
            assert (image.format, image.size) == ("PNG", (CROP_PX, CROP_PX))


def test_grey_photographs_stay_grey_when_reconstructed(demo, table):
    for path in table.filter(pl.col("source") == "camera")["path"]:
        picture = pixels(demo / path)
        assert np.array_equal(picture[..., 0], picture[..., 2])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_split(demo, tmp_path, table):
    again = make_demo_data(tmp_path / "again")
    for path in table["path"].sample(20, seed=0):
        assert (again / path).read_bytes() == (demo / path).read_bytes()
    other = pl.read_csv(make_demo_data(tmp_path / "other", seed=7) / "images.csv")
    assert not other.sort("path").equals(table.sort("path"))


def test_finished_data_are_left_as_they_are(demo):
    before = (demo / "images.csv").stat().st_mtime_ns
    make_demo_data(demo)
    assert (demo / "images.csv").stat().st_mtime_ns == before


def test_the_pictures_alone_are_a_folder_to_audit(demo, tmp_path):
    command = [
        sys.executable,
        "-m",
        "fauxto",
        "demo",
        "--only-data",
        "--out",
        tmp_path / "pictures",
    ]
    subprocess.run(command, check=True, capture_output=True)
    written = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert written == {path.name for path in demo.iterdir()}
    assert not (tmp_path / "pictures-data").exists()
