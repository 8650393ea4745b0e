from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from fauxto.core.frozen import Record
from fauxto.core.notebook import MAX_ROWS, Shown, to_html


class Row(Record):
    name: str
    share: float | None = None


class Report(Record):
    rows: tuple[Row, ...]
    notes: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True)
class Result(Shown):
    out: Path
    images: pl.DataFrame
    report: Report


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + "\n"


def read(html):
    parser = Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.text.split("\n")


def test_a_record_shows_its_fields():
    words = read(Row(name="a", share=0.123456)._repr_html_())
    assert words == ["name", "a", "share", "0.1235", ""]


def test_missing_is_a_dash():
    assert "–" in read(Row(name="a")._repr_html_())


def test_records_of_one_kind_are_rows_below_their_names():
    report = Report(rows=(Row(name="a", share=0.5), Row(name="b")), notes={"x": 1.0})
    words = read(report._repr_html_())
    assert [word for word in words if word] == [
        "rows", "name", "share", "a", "0.5", "b", "–", "notes", "x", "1",
    ]  # fmt: skip


def test_a_result_lets_a_table_show_itself():
    result = Result(Path("out"), pl.DataFrame({"path": ["a.jpg"]}), Report(rows=()))
    html = result._repr_html_()
    assert "a.jpg" in html
    assert "dataframe" in html


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"))))
def test_names_of_files_cannot_become_markup(name):
    html = to_html(Row(name=f"<script>{name}</script>"))
    assert "<script>" not in html
    read(html)


def test_long_tables_say_how_many_rows_are_left_out():
    rows = tuple(Row(name=str(index)) for index in range(MAX_ROWS + 5))
    html = to_html(rows)
    assert "… 5 more" in html
    assert html.count("<tr>") == MAX_ROWS + 1
    assert "more" not in to_html(rows[:MAX_ROWS])


@pytest.mark.parametrize(("depth", "shown"), [(2, True), (3, False)])
def test_deep_tables_are_counted(depth, shown):
    assert ("<table>" in to_html({"a": 1.0}, depth)) is shown
    assert to_html({"a": 1.0}, 3) == "1 entry"
    assert to_html((Row(name="a"), Row(name="b")), 3) == "2 entries"


def test_records_of_several_kinds_are_shown_one_below_the_other():
    words = read(to_html((Row(name="a", share=0.5), Report(rows=()), "text")))
    assert [word for word in words if word][:4] == ["name", "a", "share", "0.5"]
    assert "text" in words
