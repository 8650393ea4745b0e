from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from fauxto.core.records import DataSummary, Preprocess
from fauxto.data.prepared import PreparedDataset
from fauxto.data.table import IMAGE_SCHEMA, write_table
from fauxto.evaluate.controls import ALIKE, ALL_IMAGES, find_alike, measure_controls
from fauxto.metrics.parts import UNSEEN

TRAIN, TEST = 60, 60


@pytest.fixture
def make_dataset(tmp_path):
    """Pictures of noise whose original files are larger for fakes, but for a part of them."""

    def make(*, wide_fakes):
        rng = np.random.default_rng(3)
        rows = []
        for index in range(TRAIN + TEST):
            label, split = ("real", "fake")[index % 2], "train" if index < TRAIN else "test"
            path = f"{split}/{label}/{index}.png"
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            noise = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / path)
            wide = label == "fake" and wide_fakes and index % 6 != 1
            rows.append(
                {
                    "path": path, "label": label, "split": split, "status": "ok",
                    "format": "JPEG", "mode": "RGB", "jpeg_subsampling": "4:2:0",
                    "jpeg_quality": 80, "width": 1000 if wide else 500, "height": 500,
                    "bytes": 10_000, "frames": 1, "has_alpha": False, "has_exif": False,
                    "has_c2pa": False,
                }
            )  # fmt: skip
        images = pl.DataFrame(rows, schema=IMAGE_SCHEMA)
        write_table(tmp_path / "originals.parquet", images)
        pictures = images.with_columns(original=pl.col("path"), format=pl.lit("PNG"))
        return PreparedDataset(
            str(tmp_path), pictures.sort("path"), Preprocess(size_px=24), "x", "0"
        )

    return make


def score(dataset):
    """Return predictions of a network that knows every label."""
    test = dataset.images.filter(pl.col("split") == "test")
    known = pl.when(pl.col("label") == "fake").then(0.9).otherwise(0.1)
    return test.select("path", "label", "group", score=known)


def by_scorer(controls, images):
    return {c.scorer: c.part for c in controls if c.images == images}


def test_baselines_are_measured_on_the_networks_images(make_dataset):
    dataset = make_dataset(wide_fakes=True)
    found = by_scorer(measure_controls(dataset, score(dataset), 0.5, workers=1), ALL_IMAGES)
    assert list(found) == ["model", "file facts", "16 × 16 pixels"]
    assert {part.n for part in found.values()} == {TEST}
    assert found["model"].roc_auc == 1.0
    assert found["file facts"].roc_auc > 0.75
    assert 0.25 < found["16 × 16 pixels"].roc_auc < 0.75


def test_files_that_are_alike_tell_nothing(make_dataset):
    dataset = make_dataset(wide_fakes=False)
    found = by_scorer(measure_controls(dataset, score(dataset), 0.5, workers=1), ALIKE)
    assert found["file facts"].roc_auc == 0.5
    assert found["model"].roc_auc == 1.0
    assert (found["model"].n_real, found["model"].n_fake) == (30, 30)


def test_new_images_are_told_apart(make_dataset):
    dataset = make_dataset(wide_fakes=True)
    odd = pl.col("path").str.extract(r"(\d+)\.png").cast(pl.Int64) % 3 == 0
    scored = score(dataset).with_columns(
        source=pl.when(odd).then(pl.lit("new")).otherwise(pl.lit("old")),
        generator=pl.lit(None, pl.String),
    )
    trained = DataSummary(digest="0", counts={}, sources={"old": 9})
    controls = measure_controls(dataset, scored, 0.5, workers=1, trained_on=trained)
    assert {part.n for part in by_scorer(controls, UNSEEN).values()} == {TEST // 3}


def test_without_facts_of_the_originals_the_pictures_remain(make_dataset):
    dataset = make_dataset(wide_fakes=True)
    Path(dataset.root, "originals.parquet").unlink()
    controls = measure_controls(dataset, score(dataset), 0.5, workers=1)
    assert [(c.scorer, c.images) for c in controls] == [
        ("model", ALL_IMAGES),
        ("16 × 16 pixels", ALL_IMAGES),
    ]


def test_a_training_picture_that_was_lost_is_left_out(make_dataset):
    dataset = make_dataset(wide_fakes=True)
    Path(dataset.root, "train/real/0.png").unlink()
    assert len(measure_controls(dataset, score(dataset), 0.5, workers=1)) == 3


def test_too_few_training_pictures_fit_no_baseline(make_dataset):
    dataset = make_dataset(wide_fakes=True)
    few = dataset.images.filter((pl.col("split") == "test") | (pl.col("path") < "train/real/3"))
    scored = score(dataset)
    small = PreparedDataset(dataset.root, few, dataset.preprocess, "x", "0")
    assert measure_controls(small, scored, 0.5, workers=1) == ()


def test_pairs_share_shape_size_and_compression():
    files = pl.DataFrame(
        {
            "label": ["real", "fake", "fake", "real", "fake", "real"],
            "format": ["JPEG", "JPEG", "JPEG", "JPEG", "PNG", "PNG"],
            "jpeg_subsampling": ["4:2:0"] * 4 + [None, None],
            "jpeg_quality": [81, 85, 89, 95, None, None],
            "width": [500, 510, 505, 500, 512, None],
            "height": [400, 410, 402, 400, 512, None],
        }
    )
    positions = find_alike(files).tolist()
    assert len(positions) == 2
    assert positions[0] == 0
    assert positions[1] in (1, 2)
