import numpy as np
import polars as pl
import pytest

from fauxto.core.choices import Policy
from fauxto.core.errors import ArtifactError, RecipeError
from fauxto.data.table import PREDICTION_SCHEMA
from fauxto.evaluate.operating import choose_again
from fauxto.metrics.calibration import fake_score


@pytest.fixture
def validated(run):
    """A run with 40 reals and 40 fakes of overlapping logits in validation."""
    margin = np.concatenate([np.linspace(-5, 1, 40), np.linspace(-2, 6, 40)])
    frame = pl.DataFrame(
        {
            "path": [f"{row}.png" for row in range(80)],
            "label": ["real"] * 40 + ["fake"] * 40,
            "logit_real": -margin / 2,
            "logit_fake": margin / 2,
        },
        schema_overrides=PREDICTION_SCHEMA,
    )
    missing = [
        pl.lit(None, kind).alias(n) for n, kind in PREDICTION_SCHEMA.items() if n not in frame
    ]
    frame.with_columns(missing).write_parquet(run / "validation.parquet")
    return run


def test_a_dearer_miss_lowers_the_threshold(validated, card):
    thresholds = [
        choose_again(validated, card, Policy.COST, ratio).threshold for ratio in (0.2, 1.0, 20.0)
    ]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > thresholds[2]


def test_only_the_threshold_changes_and_keeps_the_cards_temperature(validated, card):
    chosen = choose_again(validated, card, Policy.FPR_5, 5.0)
    margin = np.linspace(-5, 1, 40)
    reals = fake_score(np.stack([-margin / 2, margin / 2], axis=1), card.temperature)
    assert np.mean(reals >= chosen.threshold) <= 0.05
    assert chosen.policy is Policy.FPR_5
    kept = {"temperature", "unsure_band", "data"}
    assert chosen.model_dump(include=kept) == card.model_dump(include=kept)


def test_too_few_validation_images_say_how_many_it_takes(validated, card):
    with pytest.raises(RecipeError, match=r"fpr-1%.*100 real.*there are 40"):
        choose_again(validated, card, Policy.FPR_1, 5.0)
    with pytest.raises(RecipeError, match="60 fake validation images and there are 40 and 40"):
        choose_again(validated, card, Policy.COST, 60.0)


def test_a_run_without_validation_rows_is_refused(run, card):
    with pytest.raises(ArtifactError, match=r"validation\.parquet does not exist"):
        choose_again(run, card, Policy.COST, 5.0)
