import io
import os

import numpy as np
import polars as pl
import pytest
from PIL import Image

from fauxto.core.errors import DataError
from fauxto.predict import parquet
from fauxto.predict.inputs import expand_inputs


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def names(arguments, stdin=b""):
    return [found.name for found in expand_inputs(arguments, io.BytesIO(stdin))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "sub/a.JPG", "sub/deep/c.webp", "notes.txt", ".hidden.png"):
        (tmp_path / "pics" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pics" / name).write_bytes(png())
    return tmp_path


def test_order_of_arguments_is_kept_and_missing_files_stay(folder):
    assert names(["pics/sub/a.JPG", "gone.png", "pics/b.png"]) == [
        "pics/sub/a.JPG",
        "gone.png",
        "pics/b.png",
    ]


def test_a_folder_is_searched_for_pictures_in_sorted_order(folder):
    assert names(["pics"]) == ["pics/b.png", "pics/sub/a.JPG", "pics/sub/deep/c.webp"]


def test_a_file_named_outright_may_have_any_ending(folder):
    assert names(["pics/notes.txt"]) == ["pics/notes.txt"]


def test_a_pattern_is_expanded_unless_a_file_has_that_name(folder):
    assert names(["pics/**/*.webp"]) == ["pics/sub/deep/c.webp"]
    (folder / "odd[1].png").write_bytes(png())
    assert names(["odd[1].png"]) == ["odd[1].png"]
    with pytest.raises(DataError, match="no file matches"):
        names(["pics/*.tiff"])


def test_a_folder_without_pictures_says_what_was_looked_for(folder):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="jpg"):
        names(["empty"])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("list.csv", "path,label\nb.png,real\nsub/a.JPG,fake\n"),
        ("excel.csv", "\ufeffpath,label\r\nb.png,real\r\n,\r\nsub/a.JPG,fake\r\n"),
        ("list.json", '[{"path": "b.png"}, {"path": "sub/a.JPG"}]'),
        ("paths.json", '["b.png", "sub/a.JPG"]'),
        ("list.jsonl", '{"path": "b.png"}\n\n{"path": null}\n{"path": "sub/a.JPG"}\n'),
    ],
)
def test_a_table_names_paths_relative_to_itself(folder, file, content):
    (folder / "pics" / file).write_text(content)
    assert names([f"pics/{file}"]) == ["pics/b.png", "pics/sub/a.JPG"]


def test_a_parquet_table_is_read_piece_by_piece(folder, monkeypatch):
    monkeypatch.setattr(parquet, "_ROWS_AT_ONCE", 2)
    paths = [f"{number}.png" for number in range(4)] + [None, "b.png"]
    pl.DataFrame({"label": ["x"] * 6, "path": paths}).write_parquet("pics/list.parquet")
    assert names(["pics/list.parquet"]) == [f"pics/{path}" for path in paths if path]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.csv", b"file,label\nb.png,real\n", "no column 'path' .found: file, label"),
        ("b.csv", b"path\n\xff\xfe\n", "cannot be read as a table"),
        ("c.csv", b"path,label\n", "names no path"),
        ("d.json", b'{"path": "b.png"}', "not a JSON list"),
        ("e.json", b"[1]", "holds int"),
        ("f.jsonl", b'{"file": "b.png"}', "no column 'path'"),
        ("g.jsonl", b"{", "cannot be read as a table"),
        ("h.parquet", b"PAR1", "cannot be read as a table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_before_any_work(folder, file, content, message):
    (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        expand_inputs([file], io.BytesIO())


def test_a_table_damaged_further_on_says_so_when_it_gets_there(folder):
    (folder / "long.jsonl").write_text('{"path": "b.png"}\n{"path": ')
    found = expand_inputs(["long.jsonl"], io.BytesIO())
    assert next(found).name == "b.png"
    with pytest.raises(DataError, match="cannot be read as a table"):
        next(found)


def test_a_folder_is_listed_as_it_is_walked(folder, monkeypatch):
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scandir(path))
    found = expand_inputs(["pics"], io.BytesIO())
    assert next(found).name == "pics/b.png"
    assert listed == ["pics"]
    assert [one.name for one in found] == ["pics/sub/a.JPG", "pics/sub/deep/c.webp"]


def test_a_folder_that_cannot_be_listed_is_a_row_with_its_error(folder, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    *_, last = expand_inputs(["pics"], io.BytesIO())
    assert last.name == "pics/sub/deep"
    assert "cannot be listed: Permission denied" in str(last.content)


def test_links_to_folders_are_not_followed(folder):
    (folder / "pics" / "again").symlink_to(folder / "pics")
    assert len(names(["pics"])) == 3


def test_standard_input_may_be_one_picture_or_a_list(folder):
    (found,) = expand_inputs(["-"], io.BytesIO(png()))
    assert (found.name, found.content) == ("-", png())
    assert names(["-"], b"pics/b.png\n\nname with spaces.jpg\r\n") == [
        "pics/b.png",
        "name with spaces.jpg",
    ]
    many = [f"folder/with a rather long name/{number}.png" for number in range(50)]
    assert names(["-"], "\n".join(many).encode()) == many


def test_empty_standard_input_is_told():
    with pytest.raises(DataError, match="standard input is empty"):
        names(["-"])
