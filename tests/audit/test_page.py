import re
from pathlib import Path

import polars as pl
import pytest

from fauxto.audit.balance import summarise
from fauxto.audit.figures import FigureJob, draw_figures
from fauxto.audit.findings import find
from fauxto.audit.page import audit_context, write_audit_page


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


def context(images, thumbnails):
    statistics = summarise(images, data=Path("no-such-folder"), layout="two folders")
    return audit_context(images, thumbnails, find(images, thumbnails), statistics, figures={})


@pytest.fixture(scope="module")
def shown(tables):
    return context(*tables)


def test_usable_and_unusable_files_are_counted_apart(shown, tables):
    assert (shown["files"], shown["usable"], shown["bad_in_all"]) == (80, 78, 2)
    assert [(row["path"], row["status"]) for row in shown["bad"]] == list(
        tables[0].tail(2).select("path", "status").rows()
    )


def test_samples_are_twelve_usable_pictures_of_each_class_sorted_by_path(shown, tables):
    usable = set(tables[0].head(78)["path"])
    for label, pictures in shown["samples"].items():
        paths = [picture.path for picture in pictures]
        assert {picture.label for picture in pictures} == {label}
        assert len(paths) == 12
        assert paths == sorted(set(paths) & usable)


def test_the_worst_groups_of_copies_come_first(make_tables):
    """Both labels is worse than both splits, and that is worse than many."""
    images, thumbnails = make_tables(40, label=["real"] * 30 + ["fake"] * 10)
    copies = {"many": range(6), "leak": (10, 11), "conflict": (29, 30), "few": (20, 21, 22)}
    digests, splits = images["sha256"].to_list(), ["train"] * 40
    for digest, rows in copies.items():
        for row in rows:
            digests[row] = digest
    splits[11] = "test"
    images = images.with_columns(sha256=pl.Series(digests), split=pl.Series(splits))
    groups = context(images, thumbnails)["groups"]
    assert [(group.size, group.conflict, group.leak) for group in groups] == [
        (2, True, False), (2, False, True), (6, False, False), (3, False, False),
    ]  # fmt: skip
    assert [len(group.pictures) for group in groups] == [2, 2, 4, 3]
    assert [picture.label for picture in groups[0].pictures] == ["fake", "real"]


def test_usable_images_are_counted_by_where_they_come_from_most_first(make_tables):
    images, thumbnails = make_tables(
        8,
        label=["real"] * 5 + ["fake"] * 3,
        split="train",
        source=["web", "web", "web", "film", "film", "film", "film", None],
        generator=[None] * 5 + ["flux", "flux", "flux"],
        status=["ok", "ok", "empty", *["ok"] * 5],
    )
    origin = {"split": "train", "source": "film"}
    assert context(images, thumbnails)["coverage"] == [
        {**origin, "generator": "", "real": 2, "fake": 0},
        {**origin, "generator": "flux", "real": 0, "fake": 2},
        {**origin, "source": "web", "generator": "", "real": 2, "fake": 0},
        {**origin, "source": "", "generator": "flux", "real": 0, "fake": 1},
    ]


def test_rows_name_every_finding_but_shortcuts_worst_first(shown):
    findings = [finding for finding, _ in shown["findings"]]
    first = shown["concerned"][0]
    kinds = [finding.kind for finding in findings if first["path"] in finding.rows]
    assert first["findings"] == ", ".join(kind for kind in kinds if "shortcut" not in kind)
    paths = [row["path"] for row in shown["concerned"]]
    assert len(paths) == len(set(paths)) == shown["concerned_in_all"]
    assert paths[: len(findings[0].rows)] == list(findings[0].rows)


def test_a_finding_shows_eight_pictures_and_a_shortcut_twelve(make_tables):
    names = [f"{'render' if row % 2 else 'IMG'}_{row:04d}.jpg" for row in range(80)]
    images, thumbnails = make_tables(80, brightness=0.0, path=names)
    shown = context(images, thumbnails)
    counts = {finding.kind: len(pictures) for finding, pictures in shown["findings"]}
    assert counts["quality.dark"] == 8
    assert counts["shortcut.name"] == 12
    assert shown["severities"] == {"blocking": 0, "warning": 0, "info": len(counts)}


def test_a_picture_without_size_or_thumbnail_shows_its_status(shown, make_tables):
    images, thumbnails = make_tables(
        4, status=["ok", "ok", "empty", "ok"], width=[640, 640, None, 640], height=[480] * 4,
        sha256=["0"] * 4,
    )  # fmt: skip
    (group,) = context(images, thumbnails.head(2))["groups"]
    by_path = {picture.path: picture for picture in group.pictures}
    seen, _, empty, lost = (by_path[path] for path in images["path"])
    assert (seen.size, empty.size) == ("640 × 480", "empty")
    assert seen.uri.startswith("data:image/jpeg;base64,/9j/")
    assert (empty.uri, lost.uri) == (None, None)
