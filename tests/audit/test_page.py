import re
from pathlib import Path

import polars as pl
import pytest

from fauxto.audit.balance import summarise
from fauxto.audit.figures import FigureJob, draw_figures
from fauxto.audit.findings import find
from fauxto.audit.page import write_audit_page


def draw(folder, images):
    folder.mkdir(exist_ok=True)
    images.write_parquet(folder / "rows.parquet")
    return draw_figures(FigureJob((folder / "rows.parquet",)))


def write(folder, images, thumbnails):
    report = find(images, thumbnails)
    statistics = summarise(images, data=Path("no-such-folder"), layout="two folders")
    write_audit_page(folder, images, thumbnails, report, statistics, figures=draw(folder, images))
    return (folder / "index.html").read_text("utf-8"), report


@pytest.fixture(scope="module")
def tables(make_tables):
    return make_tables(
        80,
        split=["train", "train", "test", "test"] * 20,
        sha256=["0"] * 4 + [str(row) for row in range(76)],
        status=["ok"] * 78 + ["truncated", "empty"],
        error=[None] * 78 + ["<b>ends</b> early", "no bytes"],
        format=["PNG", "JPEG"] * 40,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory, tables):
    return write(tmp_path_factory.mktemp("page"), *tables)


def test_page_shows_findings_shortcuts_duplicates_sizes_and_broken_files(written):
    page, report = written
    for finding in report.findings:
        assert finding.title.replace("'", "&#39;").replace("<", "&lt;") in page
    for chapter in ("findings", "shortcuts", "duplicates", "sizes", "samples", "unusable", "rows"):
        assert f'<h2 id="{chapter}"' in page
    assert "both labels" in page
    assert page.count('class="plot"') == 5


def test_text_from_files_is_escaped(written):
    page, _ = written
    assert "&lt;b&gt;ends&lt;/b&gt; early" in page
    assert "<b>ends</b>" not in page


def test_page_needs_no_network(written):
    page, _ = written
    sources = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert {source.split(":")[0] for source in sources if ":" in source} <= {"data"}


def test_page_is_the_same_for_the_same_data(tmp_path, tables, written):
    images, thumbnails = tables
    thumbnails.write_parquet(tmp_path / "thumbnails.parquet")
    report, statistics = (
        written[1],
        summarise(images, data=Path("no-such-folder"), layout="two folders"),
    )
    lazy = pl.scan_parquet(tmp_path / "thumbnails.parquet")
    write_audit_page(tmp_path, images, lazy, report, statistics, figures=draw(tmp_path, images))
    assert (tmp_path / "index.html").read_text("utf-8") == written[0]


def test_page_of_one_class_and_of_no_usable_image_is_written(tmp_path, make_tables):
    for name, columns in (("one", {"label": "real"}), ("none", {"status": "empty"})):
        images, thumbnails = make_tables(30, **columns)
        page, _ = write(tmp_path / name, images, thumbnails)
        assert "Not judged" in page
    assert "No image can be used" in page


def test_page_stays_small_with_many_rows(tmp_path, make_tables):
    images, thumbnails = make_tables(3000, sha256=["0"] * 3000, brightness=0.0)
    page, _ = write(tmp_path, images, thumbnails)
    assert len(page) < 2_000_000
    assert page.count("<tr>") < 800
