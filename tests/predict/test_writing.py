import csv
import io
import json

import polars as pl
import pytest

from fauxto.core.errors import ArtifactError
from fauxto.core.records import Prediction
from fauxto.predict.writing import (
    COLUMNS,
    OUT_SUFFIXES,
    check_out,
    flatten,
    save,
    write_csv,
    write_json_lines,
)


def predictions():
    common = {"threshold": 0.5, "policy": "balanced", "model": "m", "preprocess_hash": "abc"}
    yield Prediction(
        path="a, b.png", verdict="fake", score=0.9, unsure_band=(0.4, 0.6), **common,
        notes=("first frame used", "turned upright"), flips=("jpeg-90", "webp-80"),
    )  # fmt: skip
    yield Prediction(path="bad\udcff.png", error="unreadable: gone", **common)


def test_json_lines_hold_the_whole_record_and_read_back():
    stream = io.StringIO()
    write_json_lines(predictions(), stream)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert Prediction.model_validate(rows[0]) == next(predictions())
    assert rows[1]["verdict"] is None


def test_csv_has_a_heading_and_empty_cells_for_what_is_missing():
    stream = io.StringIO()
    write_csv(predictions(), stream)
    first, second = csv.DictReader(io.StringIO(stream.getvalue()))
    assert tuple(first) == COLUMNS
    assert (first["path"], first["score"], first["unsure_high"]) == ("a, b.png", "0.9", "0.6")
    assert first["flips"] == "jpeg-90; webp-80"
    assert (second["score"], second["error"]) == ("", "unreadable: gone")


def test_names_that_are_no_text_are_escaped():
    *_, last = map(flatten, predictions())
    assert last["path"] == "bad\\udcff.png"


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "deep/er/out.PARQUET"])
def test_files_of_every_format_keep_the_order(tmp_path, name):
    out = tmp_path / name
    save(predictions(), out)
    if name.endswith("csv"):
        frame = pl.read_csv(out)
    elif name.endswith("jsonl"):
        rows = map(json.loads, out.read_text().splitlines())
        frame = pl.DataFrame({"score": [row["score"] for row in rows]})
    else:
        frame = pl.read_parquet(out)
        assert tuple(frame.columns) == COLUMNS
        assert frame.schema["score"] == pl.Float64
    assert frame["score"].to_list() == [0.9, None]
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_failure_leaves_no_file_and_keeps_the_old_one(tmp_path, name):
    def failing():
        yield from predictions()
        raise ZeroDivisionError

    (tmp_path / name).write_text("old")
    with pytest.raises(ZeroDivisionError):
        save(failing(), tmp_path / name)
    assert (tmp_path / name).read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_files_are_not_replaced_unasked_and_endings_must_be_known(tmp_path):
    (tmp_path / "out.csv").write_text("precious")
    with pytest.raises(ArtifactError, match="--overwrite"):
        check_out(tmp_path / "out.csv", overwrite=False)
    with pytest.raises(ArtifactError, match="no table of predictions that fauxto wrote"):
        check_out(tmp_path / "out.csv", overwrite=True)
    with pytest.raises(ArtifactError, match=r"must end in \.jsonl"):
        check_out(tmp_path / "out.xlsx", overwrite=False)


@pytest.mark.parametrize("suffix", OUT_SUFFIXES)
def test_a_table_of_predictions_is_replaced_on_request_unless_it_is_read(tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    save([], out)
    check_out(out, overwrite=True)
    save(predictions(), out)
    check_out(out, inputs=["-", "elsewhere.csv"], overwrite=True)
    with pytest.raises(ArtifactError, match="is read by this command"):
        check_out(out, inputs=[str(out)], overwrite=True)
