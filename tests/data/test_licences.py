import pytest

from fauxto.core.errors import DataError
from fauxto.data.labelled import list_licences

TABLE = """path,label,source,licence
real/a.jpg,real,web,CC0-1.0
real/b.jpg,real,web,
fake/c.jpg,fake,web,MIT
fake/d.jpg,fake,gallery,MIT
fake/e.jpg,fake,,GPL
"""
FOUND = {"gallery": "MIT", "web": "CC0-1.0; MIT; unknown"}


def test_licences_of_each_source_come_from_the_table_in_the_folder(tmp_path):
    (tmp_path / "images.csv").write_text(TABLE)
    assert list_licences(str(tmp_path), str(tmp_path)) == FOUND


def test_licences_come_from_the_table_that_was_given(tmp_path):
    (tmp_path / "mine.csv").write_text(TABLE)
    assert list_licences(str(tmp_path / "mine.csv"), "/elsewhere") == FOUND


@pytest.mark.parametrize("text", [None, "path,source\na.jpg,web\n", "path,licence\na.jpg,MIT\n"])
def test_what_no_table_tells_is_not_there(tmp_path, text):
    if text is not None:
        (tmp_path / "images.csv").write_text(text)
    assert list_licences(str(tmp_path), str(tmp_path)) == {}


def test_a_damaged_table_is_an_error(tmp_path):
    (tmp_path / "images.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read as a table"):
        list_licences(str(tmp_path), str(tmp_path))
