import io

import numpy as np
import pytest
from PIL import Image

from fauxto.core.errors import DataError
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
        ("list.json", '[{"path": "b.png"}, {"path": "sub/a.JPG"}]'),
    ],
)
def test_a_table_names_paths_relative_to_itself(folder, file, content):
    (folder / "pics" / file).write_text(content)
    assert names([f"pics/{file}"]) == ["pics/b.png", "pics/sub/a.JPG"]


def test_standard_input_may_be_one_picture_or_a_list(folder):
    (found,) = expand_inputs(["-"], io.BytesIO(png()))
    assert (found.name, found.content) == ("-", png())
    assert names(["-"], b"pics/b.png\n\nname with spaces.jpg\r\n") == [
        "pics/b.png",
        "name with spaces.jpg",
    ]
