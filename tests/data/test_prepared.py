import json

import polars as pl
import pytest

from fauxto.core.artifacts import claim_folder, finish_folder, write_json
from fauxto.core.errors import ArtifactError
from fauxto.core.labels import Split
from fauxto.core.records import ClassCounts, Preprocess
from fauxto.data.prepared import digest_rows, open_dataset
from fauxto.data.table import IMAGE_SCHEMA, write_table

ROWS = (
    ("train/real/a.png", "real", "train", "web", None),
    ("train/real/b.png", "real", "train", "web", None),
    ("train/fake/c.png", "fake", "train", "gallery", "flux"),
    ("val/fake/d.png", "fake", "val", "gallery", "sdxl"),
    ("test/real/e.png", "real", "test", "other", None),
)


def images():
    names = ("path", "label", "split", "source", "generator")
    rows = [dict(zip(names, row, strict=True)) | {"sha256": row[0]} for row in ROWS]
    frame = pl.DataFrame(rows, schema_overrides={n: IMAGE_SCHEMA[n] for n in (*names, "sha256")})
    rest = {n: pl.lit(None, kind) for n, kind in IMAGE_SCHEMA.items() if n not in frame.columns}
    return frame.with_columns(original=pl.col("path"), **rest).select(*IMAGE_SCHEMA, "original")


@pytest.fixture
def folder(tmp_path):
    claim = claim_folder(tmp_path / "d", "prepare", {})
    write_table(tmp_path / "d/images.parquet", images())
    preprocess = Preprocess(size_px=96).model_dump(mode="json")
    write_json(tmp_path / "d/prepare.json", {"preprocess": preprocess, "split_method": "given"})
    finish_folder(claim)
    return tmp_path / "d"


def test_a_data_set_opens_with_its_rows_preprocessing_and_summary(folder):
    dataset = open_dataset(folder)
    assert dataset.preprocess == Preprocess(size_px=96)
    assert list(dataset.rows(Split.TRAIN)["path"]) == sorted(row[0] for row in ROWS[:3])
    summary = dataset.summary()
    assert summary.counts == {
        "train": ClassCounts(real=2, fake=1),
        "val": ClassCounts(fake=1),
        "test": ClassCounts(real=1),
    }
    assert summary.sources == {"gallery": 1, "web": 2}
    assert summary.generators == {"flux": 1}
    assert (summary.digest, summary.split_method) == (dataset.digest, "given")


def test_the_summary_has_the_licences_of_the_training_sources(folder):
    document = json.loads((folder / "prepare.json").read_text())
    told = {"gallery": "MIT; unknown", "other": "CC0-1.0"}
    write_json(folder / "prepare.json", document | {"licences": told})
    assert open_dataset(folder).summary().licences == {"gallery": "MIT; unknown"}


def test_the_digest_ignores_row_order_and_sees_content_label_and_split():
    frame = images()
    assert digest_rows(frame.reverse()) == digest_rows(frame)
    for column in ("path", "label", "split", "sha256"):
        changed = frame.with_columns(
            pl.when(pl.col("path") == "test/real/e.png")
            .then(pl.lit("x"))
            .otherwise(pl.col(column))
            .alias(column)
        )
        assert digest_rows(changed) != digest_rows(frame)
    assert digest_rows(frame.with_columns(source=pl.lit("x"))) == digest_rows(frame)


def test_an_unfinished_or_foreign_folder_is_refused(folder, tmp_path):
    with pytest.raises(ArtifactError, match="fauxto prepare"):
        open_dataset(tmp_path)
    stamp = json.loads((folder / "fauxto.json").read_text())
    (folder / "fauxto.json").write_text(json.dumps({**stamp, "finished": False}))
    with pytest.raises(ArtifactError, match="unfinished"):
        open_dataset(folder)


def test_a_damaged_prepare_json_is_refused_in_words(folder):
    write_json(folder / "prepare.json", {"preprocess": {"size_px": -1}, "split_method": "given"})
    with pytest.raises(ArtifactError, match="damaged"):
        open_dataset(folder)
