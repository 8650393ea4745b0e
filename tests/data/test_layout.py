import json
import random

import polars as pl
import pytest

from fauxto.core.errors import DataError
from fauxto.core.labels import Label, Split
from fauxto.data.layout import recognise


@pytest.fixture
def tree(tmp_path):
    """Make empty files below a folder: layouts are recognised by name, contents are not read."""

    def make(*paths):
        for path in paths:
            file = tmp_path / "data" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return tmp_path / "data"

    return make


def rows(listing):
    return {file.path: (file.label, file.split) for file in listing.files}


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ("real", "fake"),
        ("REAL", "FAKE"),
        ("0_real", "1_fake"),
        ("nature", "ai"),
        ("resized_real", "resized_fake"),
        ("Real", "ai"),
    ],
)
@pytest.mark.parametrize("split", [None, Split.TRAIN, Split.VAL, Split.TEST])
def test_known_folder_names(tree, real, fake, split):
    prefix = f"{split}/" if split else ""
    listing = recognise(tree(f"{prefix}{real}/a.jpg", f"{prefix}{fake}/b.jpg"))
    assert rows(listing) == {
        f"{prefix}{real}/a.jpg": (Label.REAL, split),
        f"{prefix}{fake}/b.jpg": (Label.FAKE, split),
    }


def test_label_before_split_and_other_split_words(tree):
    listing = recognise(tree("real/Training/a.jpg", "fake/validation/b.jpg"))
    assert rows(listing) == {
        "real/Training/a.jpg": (Label.REAL, Split.TRAIN),
        "fake/validation/b.jpg": (Label.FAKE, Split.VAL),
    }


def test_generator_folders_above_and_below_the_label(tree):
    above = recognise(tree("progan/0_real/a.png", "progan/1_fake/b.png", "biggan/1_fake/c.png"))
    assert [(f.path, f.source, f.generator) for f in above.files] == [
        ("biggan/1_fake/c.png", "biggan", "biggan"),
        ("progan/0_real/a.png", "progan", None),
        ("progan/1_fake/b.png", "progan", "progan"),
    ]


def test_generator_folders_below_the_label(tree):
    below = recognise(tree("real/coco/a.png", "fake/sdxl/deep/b.png"))
    assert [(f.source, f.generator) for f in below.files] == [("sdxl/deep", "sdxl"), ("coco", None)]


def test_a_folder_that_wraps_everything_is_no_generator(tree):
    listing = recognise(tree("dataset/train/real/a.png", "dataset/train/fake/b.png"))
    assert {file.generator for file in listing.files} == {None}


def test_rows_are_sorted_by_path_and_order_of_creation_does_not_matter(tree):
    paths = [f"{label}/{n}.jpg" for label in ("fake", "real") for n in range(20)]
    random.Random(3).shuffle(paths)
    listing = recognise(tree(*paths))
    assert [file.path for file in listing.files] == sorted(paths)
    assert all(file.path.startswith(file.label.value) for file in listing.files)


def test_droppings_of_operating_systems_are_skipped_but_other_files_are_rows(tree):
    data = tree(
        "real/a.jpg", "real/.DS_Store", "real/Thumbs.db", "real/desktop.ini", "real/._a.jpg",
        "__MACOSX/real/a.jpg", ".cache/fake/x.jpg", "fake/b.jpg", "fake/notes.txt", "README.md",
        "fake/labels.csv",
    )  # fmt: skip
    expected = ["fake/b.jpg", "fake/labels.csv", "fake/notes.txt", "real/a.jpg"]
    assert [file.path for file in recognise(data).files] == expected


def test_strange_names_are_kept(tree):
    names = [
        "real/a b.jpg",
        'real/"quoted"\'.jpg',
        "fake/😀.jpg",
        "fake/new\nline.jpg",
        "fake/,.jpg",
    ]
    assert {file.path for file in recognise(tree(*names)).files} == set(names)


def test_a_name_that_is_not_utf8_is_escaped(tree, tmp_path):
    data = tree("real/a.jpg", "fake/b.jpg")
    (data / "fake" / "caf\udce9.jpg").touch()
    assert "fake/caf\\xe9.jpg" in rows(recognise(data))


def test_links_are_followed_and_loops_become_rows(tree, tmp_path):
    data = tree("real/a.jpg")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.jpg").touch()
    (data / "fake").symlink_to(elsewhere)
    (elsewhere / "up").symlink_to(data)
    (data / "real" / "self.jpg").symlink_to("self.jpg")
    assert sorted(rows(recognise(data))) == [
        "fake/b.jpg", "fake/up", "real/a.jpg", "real/self.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "no images"),
        (["real/a.jpg"], "only real images"),
        (["train/FAKE/a.jpg"], "only fake images"),
        (["cats/a.jpg", "dogs/b.jpg"], r"cats, dogs.*--real DIR --fake DIR"),
        (["real/a.jpg", "fake/b.jpg", "other/c.jpg"], r"do not say real or fake \(other\)"),
        (["real/a.jpg", "fake/b.jpg", "c.jpg"], r"\(\.\)"),
        (["real/fake/a.jpg", "fake/b.jpg"], "ambiguous"),
        (["train/test/real/a.jpg", "fake/b.jpg"], "ambiguous"),
        (["train/real/a.jpg", "train/fake/b.jpg", "fake/c.jpg"], "ambiguous"),
    ],
)
def test_unknown_and_ambiguous_layouts_are_errors(tree, tmp_path, paths, message):
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match=message):
        recognise(tree(*paths))


def test_missing_data_is_an_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        recognise(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_listed_is_an_error(tree, monkeypatch):
    data = tree("real/a.jpg", "fake/b.jpg")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        recognise(data)


def test_flags_say_which_folder_is_which(tree):
    data = tree("photos/train/a.jpg", "photos/b.jpg", "sdxl/c.jpg", "ignored/d.jpg")
    listing = recognise(data, real=[data / "photos"], fake=[data.relative_to(data) / "sdxl"])
    assert rows(listing) == {
        "photos/b.jpg": (Label.REAL, None),
        "photos/train/a.jpg": (Label.REAL, Split.TRAIN),
        "sdxl/c.jpg": (Label.FAKE, None),
    }


def test_flags_may_name_folders_elsewhere(tree, tmp_path):
    data = tree("photos/a.jpg")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "b.jpg").touch()
    listing = recognise(data, real=[data / "photos"], fake=[tmp_path / "made"])
    assert listing.root == tmp_path
    assert sorted(rows(listing)) == ["data/photos/a.jpg", "made/b.jpg"]


def test_flags_in_error(tree):
    data = tree("photos/a.jpg", "made/b.jpg")
    with pytest.raises(DataError, match="--fake DIR is missing"):
        recognise(data, real=[data / "photos"])
    with pytest.raises(DataError, match="is not a folder"):
        recognise(data, real=[data / "photos"], fake=[data / "none"])
    with pytest.raises(DataError, match="two of the folders"):
        recognise(data, real=[data / "photos"], fake=[data])


def test_a_table_in_the_folder_tells_source_and_generator(tree):
    data = tree("real/a.jpg", "fake/b.jpg", "fake/c.jpg")
    (data / "images.csv").write_text(
        "path,label,source,generator\nreal/a.jpg,real,unsplash,\nfake/b.jpg,fake,web,SDXL\n"
    )
    listing = recognise(data)
    assert "2 files from images.csv" in listing.kind
    assert [(f.path, f.source, f.generator) for f in listing.files] == [
        ("fake/b.jpg", "web", "SDXL"),
        ("fake/c.jpg", None, None),
        ("real/a.jpg", "unsplash", None),
    ]


ROWS = [
    {"path": "x/a.jpg", "label": "real", "split": "train", "source": "s", "generator": None},
    {"path": "x/b.jpg", "label": "FAKE ", "split": None, "source": None, "generator": "g"},
]


def write_table(folder, suffix, table_rows=ROWS):
    path = folder / f"list{suffix}"
    if suffix == ".csv":
        pl.DataFrame(table_rows).write_csv(path, include_bom=True)
    elif suffix == ".parquet":
        pl.DataFrame(table_rows).write_parquet(path)
    elif suffix == ".json":
        path.write_text(json.dumps(table_rows))
    else:
        path.write_text("\n".join(json.dumps(row) for row in table_rows) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json", ".jsonl"])
def test_tables_with_relative_paths(tmp_path, suffix):
    listing = recognise(write_table(tmp_path, suffix))
    assert listing.root == tmp_path
    first, second = listing.files
    assert (first.path, first.label, first.split, first.source, first.generator) == (
        "x/a.jpg", Label.REAL, Split.TRAIN, "s", None,
    )  # fmt: skip
    assert (second.path, second.label, second.split, second.source, second.generator) == (
        "x/b.jpg", Label.FAKE, None, None, "g",
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_tables_with_absolute_paths_elsewhere(tmp_path, suffix):
    away = tmp_path / "away"
    tables = tmp_path / "tables"
    tables.mkdir()
    table_rows = [
        {"path": str(away / "one" / "a.jpg"), "label": "real"},
        {"path": "../away/two/b.jpg", "label": "ai"},
    ]
    listing = recognise(write_table(tables, suffix, table_rows))
    assert listing.root == away
    assert rows(listing) == {"one/a.jpg": (Label.REAL, None), "two/b.jpg": (Label.FAKE, None)}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "file,label\na.jpg,real\n", "no column 'path'"),
        ("a.csv", "path,label\na.jpg,1\nb.jpg,0\n", "unknown labels 0, 1"),
        ("a.csv", "path,label\na.jpg,\nb.jpg,real\n", "unknown labels None"),
        ("a.csv", "path,label,split\na.jpg,real,holdout\n", "unknown splits holdout"),
        ("a.csv", "path,label\na.jpg,real\n./a.jpg,fake\n", "names a.jpg twice"),
        ("a.csv", "path,label\n,real\n", "without a path"),
        ("a.csv", "path,label\na.jpg,real\n", "only real"),
        ("a.csv", "path,label\n", "no images"),
        ("a.csv", "", "cannot be read as a table"),
        ("a.json", "{}", "not a list of objects"),
        ("a.json", '["a.jpg", 1]', "not a list of objects"),
        ("a.json", "[{]", "cannot be read as a table"),
        ("a.parquet", "PAR1", "cannot be read as a table"),
        ("a.txt", "a.jpg", "not a table that fauxto reads"),
    ],
)
def test_tables_in_error(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        recognise(tmp_path / name)
