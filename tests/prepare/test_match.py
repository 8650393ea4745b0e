import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from fauxto.core.errors import DataError
from fauxto.metrics.ranking import roc_auc
from fauxto.prepare.match import match_geometry
from fauxto.prepare.standardise import QUALITIES, compress, draw_quality


def table(real, fake, *, test_share=0.25):
    sizes = np.concatenate([real, fake])
    n = len(sizes)
    return pl.DataFrame(
        {
            "path": [f"{i:05}.jpg" for i in range(n)],
            "label": ["real"] * len(real) + ["fake"] * len(fake),
            "split": ["test" if i % 100 < 100 * test_share else "train" for i in range(n)],
            "width": sizes[:, 0],
            "height": sizes[:, 1],
        },
        schema_overrides={"width": pl.Int32, "height": pl.Int32},
    )


def photos(rng, n, megapixels, aspect):
    area = 1e6 * megapixels * 2 ** rng.normal(0, 1, n)
    shape = aspect * 2 ** rng.normal(0, 0.4, n)
    return np.stack([np.sqrt(area * shape), np.sqrt(area / shape)], axis=1).astype(int)


def mixed(seed=0):
    """Fakes are smaller and squarer, a third of them exactly 512 × 512, as are a few reals."""
    rng = np.random.default_rng(seed)
    square = np.full((400, 2), 512)
    return table(
        np.concatenate([photos(rng, 1500, 2.0, 1.4), square[:80]]),
        np.concatenate([photos(rng, 800, 0.8, 1.1), square]),
    )


def geometry_auc(images, model):
    images = images.sample(fraction=1, shuffle=True, seed=3)
    width, height = np.log2(images.select("width", "height").to_numpy().astype(float).T)
    facts = np.stack([width, height, width - height, width == height], axis=1)
    labels = (images["label"] == "fake").to_numpy().astype(int)
    return roc_auc(labels, cross_val_predict(model, facts, labels, method="predict_proba")[:, 1])


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=1000),
        HistGradientBoostingClassifier(max_iter=50, random_state=0),
    ],
    ids=["linear", "boosted"],
)
def test_size_and_shape_give_the_label_away_before_matching_and_not_after(model):
    images = mixed()
    matched = match_geometry(images, seed=42)
    assert geometry_auc(images, model) > 0.7
    assert 0.45 <= geometry_auc(matched.kept, model) <= 0.55
    assert 0.45 <= matched.roc_auc <= 0.55
    assert matched.kept.height > 600


def test_classes_are_equally_many_in_every_split_and_rows_are_unchanged():
    images = mixed()
    kept = match_geometry(images, seed=42).kept
    for split in ("train", "test"):
        rows = kept.filter(pl.col("split") == split)
        assert (rows["label"] == "fake").sum() == (rows["label"] == "real").sum() > 0
    assert kept.columns == images.columns
    assert kept.join(images, on=images.columns, how="anti").is_empty()
    assert kept["path"].is_sorted()


def test_exact_squares_are_paired_with_exact_squares():
    kept = match_geometry(mixed(), seed=42).kept
    square = kept.filter(pl.col("width") == pl.col("height"))
    assert (square["label"] == "fake").sum() == (square["label"] == "real").sum() == 80


def test_sizes_that_repeat_are_matched_exactly_where_cells_still_tell():
    # Reals are 1000 × 700, fakes 1001 × 700: one cell of every width, but never the same picture.
    real = np.concatenate([np.full((300, 2), (1000, 700)), np.full((100, 2), (640, 480))])
    fake = np.concatenate([np.full((300, 2), (1001, 700)), np.full((100, 2), (640, 480))])
    matched = match_geometry(table(real, fake), seed=42)
    assert matched.step == 0
    assert set(matched.kept["width"]) == {640}


def test_matching_ignores_row_order_and_depends_on_the_seed():
    images = mixed()
    shuffled = images.sample(fraction=1, shuffle=True, seed=9)
    kept = match_geometry(images, seed=42).kept
    assert kept.equals(match_geometry(shuffled, seed=42).kept)
    assert not kept.equals(match_geometry(images, seed=43).kept)


def test_classes_without_a_size_in_common_cannot_be_matched():
    images = table(np.full((100, 2), (4000, 3000)), np.full((100, 2), (512, 512)))
    with pytest.raises(DataError, match="too few sizes in common"):
        match_geometry(images, seed=42)


def test_qualities_are_spread_evenly_and_depend_on_path_and_seed_alone():
    drawn = [draw_quality(f"{label}/{i}.jpg", 42) for label in "ab" for i in range(5000)]
    assert set(drawn) == set(QUALITIES)
    assert np.mean(drawn[:5000]) == pytest.approx(np.mean(drawn[5000:]), abs=0.8)
    assert draw_quality("a/0.jpg", 42) == drawn[0]
    assert [draw_quality(f"a/{i}.jpg", 43) for i in range(50)] != drawn[:50]


def change_by_compressing(picture, quality):
    again = compress(picture, quality)
    return np.abs(np.asarray(picture, float) - np.asarray(again, float)).mean()


def test_compressing_both_classes_weakens_the_trace_of_earlier_compression():
    rng = np.random.default_rng(0)
    coarse = rng.integers(80, 176, (80, 16, 16, 3), dtype=np.uint8)
    clean = [Image.fromarray(p).resize((96, 96), Image.Resampling.BICUBIC) for p in coarse]
    labels = np.arange(80) % 2
    pictures = [compress(p, 90) if label else p for p, label in zip(clean, labels, strict=True)]
    before = np.array([change_by_compressing(picture, 90) for picture in pictures])
    alike = [compress(p, draw_quality(f"{i}.png", 42)) for i, p in enumerate(pictures)]
    after = np.array([change_by_compressing(picture, 90) for picture in alike])
    assert abs(roc_auc(labels, before) - 0.5) > 0.45
    assert abs(roc_auc(labels, after) - 0.5) < 0.3  # pictures of one texture: the hardest case
