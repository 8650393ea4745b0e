import numpy as np
import polars as pl
import pytest

from fauxto.core.errors import DataError
from fauxto.prepare.match_bytes import match_bytes


def make_table(n, spread):
    """Return n reals and n // 2 fakes; the lengths of fakes vary ``spread`` times as much."""
    rng = np.random.default_rng(0)
    octaves = np.concatenate([rng.normal(16, 0.5, n), rng.normal(16, 0.5 * spread, n // 2)])
    return pl.DataFrame(
        {
            "path": [f"{row:05}.png" for row in range(len(octaves))],
            "label": ["real"] * n + ["fake"] * (n // 2),
            "split": ["train", "train", "train", "test"] * (len(octaves) // 4),
            "bytes": np.exp2(octaves).astype(np.int64),
        }
    )


def shares(table):
    return {
        split: rows.filter(pl.col("label") == "fake").height / rows.height
        for (split,), rows in table.group_by("split")
    }


def test_lengths_that_tell_the_label_are_evened_out_at_the_classes_proportion():
    table = make_table(800, 3)
    matched = match_bytes(table, seed=1)
    assert matched.step is not None
    assert 0.45 <= matched.roc_auc <= 0.55
    assert 0.4 * table.height < matched.kept.height < table.height
    assert shares(matched.kept) == pytest.approx(shares(table), abs=0.02)
    assert matched.kept["path"].is_sorted()


def test_lengths_that_do_not_tell_leave_everything_in_place():
    table = make_table(800, 1)
    matched = match_bytes(table, seed=1)
    assert matched.step is None
    assert matched.kept.equals(table)


def test_the_same_seed_draws_the_same_whatever_the_order_of_rows():
    table = make_table(400, 3)
    shuffled = table.sample(fraction=1, shuffle=True, seed=3)
    assert match_bytes(table, seed=1).kept.equals(match_bytes(shuffled, seed=1).kept)


def test_of_few_pictures_nothing_is_said_and_nothing_left_out():
    table = make_table(40, 3)
    matched = match_bytes(table, seed=1)
    assert (matched.step, matched.roc_auc, matched.kept.height) == (None, None, table.height)


def test_classes_without_a_length_in_common_cannot_be_matched():
    table = make_table(400, 1).with_columns(
        bytes=pl.when(pl.col("label") == "fake").then(pl.col("bytes") * 1000).otherwise("bytes")
    )
    with pytest.raises(DataError, match="too few file lengths in common"):
        match_bytes(table, seed=1)
