import json

import polars as pl

from fauxto.audit.findings import find
from fauxto.audit.records import SEVERITIES, Finding, count_words, describe_rows


def test_findings_come_worst_first_and_their_kinds_are_unique(make_tables):
    images, thumbnails = make_tables(
        120,
        split=["train", "train", "test", "test"] * 30,
        mode=["RGBA"] * 60 + ["RGB"] * 60,
        sha256=["0"] * 3 + [str(row) for row in range(1, 118)],
        format=["PNG", "JPEG"] * 60,
        path=[f"{row}.{'png' if row % 2 == 0 else 'jpg'}" for row in range(120)],
    )
    report = find(images, thumbnails)
    ranks = [SEVERITIES.index(finding.severity) for finding in report.findings]
    assert ranks == sorted(ranks)
    kinds = [finding.kind for finding in report.findings]
    assert len(kinds) == len(set(kinds))
    assert {"shortcut.container", "duplicates.across_labels", "integrity.mode"} <= set(kinds)


def test_report_survives_json(make_tables):
    report = find(*make_tables(60, sha256=["0"] * 60))
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert [Finding.model_validate(item) for item in document["findings"]] == list(report.findings)
    assert len(document["shortcuts"]) == 5


def test_groups_have_a_row_for_every_file_also_broken_ones(make_tables):
    images, thumbnails = make_tables(50, status=["ok"] * 45 + ["empty"] * 5)
    groups = find(images, thumbnails.head(45)).groups
    assert groups["path"].to_list() == sorted(images["path"])
    assert groups.schema == {"path": pl.String, "group": pl.String}


def test_data_without_a_usable_image_is_told_and_does_not_fail(make_tables):
    images, thumbnails = make_tables(6, status="not_an_image", width=None, height=None, format=None)
    report = find(images, thumbnails.clear())
    kinds = {finding.kind for finding in report.findings}
    assert {"balance.no_images", "integrity.not_an_image"} <= kinds


def test_no_file_at_all_does_not_fail(make_tables):
    images, thumbnails = make_tables(2)
    report = find(images.clear(), thumbnails.clear())
    assert [finding.kind for finding in report.findings] == ["balance.no_images"]


def test_a_number_stands_with_its_noun():
    assert count_words(1, "image") == "1 image"
    assert count_words(0, "image") == "0 images"
    assert count_words(1200, "image") == "1,200 images"
    assert count_words(2, "copy", "copies") == "2 copies"


def test_evidence_begins_with_the_rows_of_each_class(make_tables):
    images, _ = make_tables(5)
    finding = describe_rows("x.y", "info", images, title="t", advice="a", evidence={"share": 0.5})
    assert list(finding.evidence.items()) == [("real", 3), ("fake", 2), ("share", 0.5)]
    assert (finding.count, finding.rows) == (5, tuple(images["path"]))
