import numpy as np
import polars as pl
import pytest

from fauxto.core.choices import SplitMethod
from fauxto.core.errors import DataError
from fauxto.data.split import assign_splits


def table(n=200, *, given=True, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(["real", "fake"], n)
    return pl.DataFrame(
        {
            "path": [f"{i:04}.jpg" for i in range(n)],
            "label": labels,
            "split": [("test" if i % 5 == 0 else "train") if given else None for i in range(n)],
            "source": [f"s{i % 4}" for i in range(n)],
            "generator": [
                f"g{i % 3}" if label == "fake" else None for i, label in enumerate(labels)
            ],
            "group": [f"group{i // 3}" if i % 2 == 0 else None for i in range(n)],
        },
        schema_overrides={"split": pl.String, "generator": pl.String},
    )


def assign(frame, method, **options):
    options = {"val": 0.1, "test": 0.2, "seed": 42, **options}
    assigned = assign_splits(frame, method, **options)
    return frame.drop("split").join(assigned, on="path").sort("path")


@pytest.mark.parametrize("method", ["given", "random", "grouped"])
def test_splits_ignore_the_order_of_rows(method):
    frame = table()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    method = SplitMethod(method)
    assert assign(frame, method).equals(assign(shuffled, method))
    assert not assign(frame, method).equals(assign(frame, method, seed=43))


def test_given_keeps_the_test_set_and_draws_validation_from_train_only():
    frame = table()
    result = assign(frame, SplitMethod.GIVEN)
    before = frame.sort("path")["split"]
    assert ((result["split"] == "test") == (before == "test")).all()
    for label in ("real", "fake"):
        rows = result.filter(pl.col("label") == label, pl.col("split") != "test")
        share = (rows["split"] == "val").mean()
        assert share == pytest.approx(0.1, abs=0.01)


def test_given_validation_is_kept():
    frame = table().with_columns(
        split=pl.when(pl.col("path") < "0020.jpg").then(pl.lit("val")).otherwise(pl.col("split"))
    )
    result = assign(frame, SplitMethod.GIVEN)
    assert (result["split"] == frame.sort("path")["split"]).all()


@pytest.mark.parametrize("method", ["given", "grouped"])
def test_a_group_never_straddles_train_and_validation(method):
    result = assign(table(), SplitMethod(method)).filter(
        pl.col("group").is_not_null(), pl.col("split") != "test"
    )
    assert (result.group_by("group").agg(pl.col("split").n_unique())["split"] == 1).all()


def test_grouped_keeps_groups_out_of_test_too_and_meets_the_shares():
    result = assign(table(2000, given=False), SplitMethod.GROUPED)
    grouped = result.filter(pl.col("group").is_not_null())
    assert (grouped.group_by("group").agg(pl.col("split").n_unique())["split"] == 1).all()
    shares = dict(result["split"].value_counts(normalize=True).iter_rows())
    assert shares["test"] == pytest.approx(0.2, abs=0.01)
    assert shares["val"] == pytest.approx(0.08, abs=0.01)


def test_random_may_part_a_group():
    result = assign(table(2000, given=False), SplitMethod.RANDOM)
    grouped = result.filter(pl.col("group").is_not_null())
    assert (grouped.group_by("group").agg(pl.col("split").n_unique())["split"] > 1).any()


def test_a_held_out_generator_occurs_in_test_only_and_reals_are_drawn():
    frame = table(600, given=False).with_columns(group=pl.lit(None, pl.String))
    result = assign(frame, SplitMethod.GENERATOR_HELD_OUT, hold_out=["g1"])
    assert set(result.filter(pl.col("generator") == "g1")["split"]) == {"test"}
    assert "test" not in set(result.filter(pl.col("generator") == "g0")["split"])
    reals = result.filter(pl.col("label") == "real")
    assert (reals["split"] == "test").mean() == pytest.approx(0.2, abs=0.01)


def test_a_held_out_source_takes_its_reals_and_fakes():
    frame = table(600, given=False).with_columns(group=pl.lit(None, pl.String))
    result = assign(frame, SplitMethod.SOURCE_HELD_OUT, hold_out=["s2"])
    assert ((result["split"] == "test") == (result["source"] == "s2")).all()


def test_validation_on_a_source_takes_all_of_its_training_images_and_their_groups():
    frame = table(600).with_columns(
        group=pl.when(pl.col("path").is_in(["0001.jpg", "0002.jpg"])).then(pl.lit("twins"))
    )
    result = assign(frame, SplitMethod.GIVEN, validate_on=["s1"])
    expected = (frame["split"] == "train") & (
        (frame["source"] == "s1") | (frame["path"] == "0002.jpg")  # twin of an image of s1
    )
    assert ((result["split"] == "val") == expected).all()
    assert ((result["split"] == "test") == (frame["split"] == "test")).all()


def test_validation_on_a_generator_takes_its_fakes():
    frame = table(600).with_columns(group=pl.lit(None, pl.String))
    result = assign(frame, SplitMethod.RANDOM, validate_on=["g1"])
    of_g1 = result.filter(pl.col("generator") == "g1")
    assert set(of_g1["split"]) == {"val", "test"}
    assert set(result.filter(pl.col("split") == "val")["generator"]) == {"g1"}


def test_validation_on_an_unknown_source_lists_what_there_is():
    with pytest.raises(DataError, match=r"is of s9: --validate-on takes some of g0, .*s0"):
        assign(table(), SplitMethod.GIVEN, validate_on=["s9"])


def test_validation_is_named_once():
    own = pl.when(pl.col("path") < "0010.jpg").then(pl.lit("val")).otherwise("split")
    with pytest.raises(DataError, match="leave out --validate-on"):
        assign(table().with_columns(split=own), SplitMethod.GIVEN, validate_on=["s1"])


def test_an_unknown_name_to_hold_out_lists_what_there_is():
    with pytest.raises(DataError, match=r"g7.*takes one of g0, g1, g2"):
        assign(table(), SplitMethod.GENERATOR_HELD_OUT, hold_out=["g7"])
    with pytest.raises(DataError, match="name a source"):
        assign(table(), SplitMethod.SOURCE_HELD_OUT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.lit(None, pl.String), "no split of their own"),
        (pl.when(pl.col("path") > "0100.jpg").then(pl.col("split")), "have no split while others"),
        (pl.lit("train"), "no test images"),
    ],
)
def test_a_given_split_that_cannot_be_used_says_what_to_do(change, message):
    with pytest.raises(DataError, match=message):
        assign(table().with_columns(split=change), SplitMethod.GIVEN)
