import numpy as np
import polars as pl
import pytest

from fauxto.core.errors import DataError
from fauxto.data.table import PREDICTION_SCHEMA
from fauxto.evaluate.predictions import (
    build_predictions,
    digest_images,
    label_numbers,
    read_foreign,
    with_columns_of,
    with_original_facts,
)


def test_predictions_use_the_cards_temperature_threshold_and_band(images, card):
    logits = np.zeros((12, 2))
    logits[:, 1] = np.linspace(-4, 4, 12)
    frame = build_predictions(images, logits, {11: "undecodable: no"}, card)
    assert frame.columns[: len(PREDICTION_SCHEMA)] == list(PREDICTION_SCHEMA)
    assert frame["path"].is_sorted()
    by_path = {row["path"]: row for row in frame.to_dicts()}
    middle = by_path[images["path"][6]]
    assert middle["score"] == pytest.approx(1 / (1 + np.exp(-logits[6, 1] / 2)))
    assert middle["verdict"] == "unsure"
    assert by_path[images["path"][10]]["verdict"] == "fake"
    assert by_path[images["path"][0]]["verdict"] == "real"


def test_a_broken_image_is_a_row_with_its_error_and_nothing_else(images, card):
    logits = np.full((12, 2), np.nan)
    logits[:11] = 0
    frame = build_predictions(images, logits, {11: "undecodable: no"}, card)
    (row,) = frame.filter(pl.col("error").is_not_null()).to_dicts()
    assert row["path"] == images["path"][11]
    assert row["error"] == "undecodable: no"
    assert row["score"] is row["verdict"] is row["logit_real"] is row["logit_fake"] is None


def write(path, text):
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_foreign_scores_are_read_with_any_word_for_the_labels(tmp_path, suffix):
    frame = pl.DataFrame(
        {
            "path": ["b", "a", "c", "d"],
            "label": ["FAKE", "nature", "1_fake", "real"],
            "score": [0.9, 0.2, None, 0.7],
            "camera_model": ["x", "y", "x", "y"],
        }
    )
    table = tmp_path / f"scores.{suffix}"
    frame.write_csv(table) if suffix == "csv" else frame.write_parquet(table)
    found = read_foreign(table, 0.7)
    assert found["path"].to_list() == ["a", "b", "c", "d"]
    assert found["label"].to_list() == ["real", "fake", "fake", "real"]
    assert found["verdict"].to_list() == ["real", "fake", None, "fake"]
    assert found["error"].to_list() == [None, None, "the table gives no score", None]
    assert found["camera_model"].to_list() == ["y", "x", "x", "y"]


def test_labels_may_be_numbers_and_scores_whole_numbers(tmp_path):
    found = read_foreign(write(tmp_path / "s.csv", "path,label,score\na,0,0\nb,1,1\n"), 0.5)
    assert found["label"].to_list() == ["real", "fake"]
    assert found["score"].to_list() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,score\na,0.5\n", "no column label .found: path, score"),
        ("path,label,score\n", "has no rows"),
        ("path,label,score\na,real,1.5\n", "1 scores lie outside 0 to 1, first 1.5 for a"),
        ("path,label,score\na,real,nan\n", "not a number"),
        ("path,label,score\na,real,high\n", "not a number"),
        ("path,label,score\na,cat,0.5\n", "label 'cat' of a is unknown"),
        ("path,label,score\na,,0.5\n", "label None of a is unknown"),
        ("path,label,score\na,real,0.5\na,real,0.6\n", "names a more than once"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused_in_words(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_foreign(write(tmp_path / "s.csv", text), 0.5)


def test_missing_files_and_other_kinds_are_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_foreign(tmp_path / "none.csv", 0.5)
    with pytest.raises(DataError, match=r"neither \.csv nor \.parquet"):
        read_foreign(write(tmp_path / "s.xlsx", "x"), 0.5)
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_foreign(write(tmp_path / "s.parquet", "x"), 0.5)


def test_digest_ignores_order_and_scores_but_not_labels_and_contents(images):
    digest = digest_images(images)
    assert digest_images(images.reverse()) == digest
    assert digest_images(images.with_columns(label=pl.lit("fake"))) != digest
    assert digest_images(images.with_columns(sha256=pl.lit("0" * 64))) != digest
    assert digest_images(images.head(11)) != digest


def test_label_numbers_are_one_for_fake(images):
    assert label_numbers(images).tolist() == [0, 1] * 6


def test_facts_are_those_of_the_original_file_or_unknown(images):
    prepared = images.with_columns(
        original=pl.col("path"), format=pl.lit("PNG"), width=pl.lit(32, pl.Int32)
    )
    restored = with_original_facts(prepared, images)
    assert restored["format"].unique().to_list() == ["JPEG"]
    assert restored.sort("path")["width"].equals(images.sort("path")["width"])
    unknown = with_original_facts(prepared, None)
    assert unknown["format"].is_null().all()
    assert unknown["label"].equals(prepared["label"])


def test_further_columns_are_joined_by_the_original_path(images, tmp_path):
    rows = images.with_columns(original=pl.concat_str(pl.lit("was/"), "path"))
    table = tmp_path / "more.csv"
    rows.head(3).select(path="original", label=pl.lit("x"), mood=pl.lit("calm")).write_csv(table)
    joined, names = with_columns_of(rows, table)
    assert names == ("mood",)
    assert joined["label"].equals(rows.sort("path")["label"])
    assert joined["mood"].null_count() == 9
    table.write_text("path,mood\nelsewhere.png,calm\n")
    with pytest.raises(DataError, match=r"no path in .* is one of these images, for example was/"):
        with_columns_of(rows, table)
    table.write_text("file,mood\na,b\n")
    with pytest.raises(DataError, match="has no column path"):
        with_columns_of(rows, table)
