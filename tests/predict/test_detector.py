import io

import numpy as np
import pytest
from PIL import Image

from fauxto.core.errors import RecipeError
from fauxto.core.records import (
    DataSummary,
    Environment,
    ModelCard,
    OperatingPoint,
    Policy,
    Preprocess,
)
from fauxto.predict.detector import Detector
from fauxto.predict.inputs import ImageInput

PREPROCESS = Preprocess(size_px=16)


class Brightness:
    """Calls bright pictures fake."""

    name = "brightness"
    card = ModelCard(
        name="brightness",
        architecture="none",
        parameters=1,
        preprocess=PREPROCESS,
        preprocess_hash=PREPROCESS.hash,
        temperature=2.0,
        threshold=0.6,
        policy=Policy.BALANCED,
        operating_points=(
            OperatingPoint(policy="argmax", threshold=0.5, recall_fake=1, fpr=0),
            OperatingPoint(policy="balanced", threshold=0.6, recall_fake=1, fpr=0),
        ),
        unsure_band=(0.45, 0.55),
        data=DataSummary(digest="0", counts={}),
        seed=1,
        epochs=1,
        best_epoch=1,
        best_val_loss=0.1,
        batch_size=1,
        lr=0.1,
        weights_source="none",
        weights_licence="none",
        wall_time_s=1,
        environment=Environment(python="3", platform="x", device="cpu"),
    )

    def logits(self, inputs):
        fake = inputs.mean((1, 2, 3))
        return np.stack([np.zeros_like(fake), fake], axis=1).astype(np.float32)


def png(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (level,) * 3).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def detector():
    return Detector(Brightness())


def test_the_score_is_the_softmax_of_the_cooled_logits(detector):
    level = 200
    pixels = np.full(3, level / 255)
    logit = ((pixels - PREPROCESS.mean) / PREPROCESS.std).mean()
    expected = 1 / (1 + np.exp(-logit / 2.0))
    assert detector.predict(png(level)).score == pytest.approx(expected, abs=1e-5)


def test_path_bytes_picture_and_array_give_the_same_score(detector, tmp_path):
    (tmp_path / "a.png").write_bytes(png(180))
    picture = Image.open(io.BytesIO(png(180)))
    forms = [tmp_path / "a.png", str(tmp_path / "a.png"), png(180), picture, np.asarray(picture)]
    assert len({detector.predict(form).score for form in forms}) == 1


def test_order_is_kept_and_a_broken_image_is_a_row_with_its_error(detector, tmp_path):
    levels = [0, 255, None, 120, 255]
    inputs = [
        ImageInput(f"{i}", tmp_path / "gone.png" if level is None else png(level))
        for i, level in enumerate(levels)
    ]
    found = list(detector.predict_many(inputs, batch_size=2, workers=3))
    assert [prediction.path for prediction in found] == ["0", "1", "2", "3", "4"]
    assert [prediction.verdict for prediction in found] == ["real", "fake", None, "unsure", "fake"]
    assert found[2].score is None
    assert found[2].error.startswith("unreadable: ")
    assert all(prediction.error is None for prediction in found if prediction.path != "2")


def test_a_single_broken_image_is_told_not_raised(detector):
    assert detector.predict(b"no picture").error.startswith("not_an_image: ")


def test_every_prediction_names_model_threshold_and_preprocessing(detector):
    prediction = detector.predict(png(10))
    assert prediction.model == "brightness"
    assert prediction.preprocess_hash == PREPROCESS.hash
    assert (prediction.threshold, prediction.unsure_band) == (0.6, (0.45, 0.55))


def test_a_policy_changes_the_threshold_and_one_that_was_not_fitted_is_refused():
    assert Detector(Brightness(), policy=Policy.ARGMAX).threshold == 0.5
    with pytest.raises(RecipeError, match=r"no threshold for the policy fpr-1%.*argmax, balanced"):
        Detector(Brightness(), policy=Policy.FPR_1)


def test_more_images_than_are_listed_ahead_are_all_predicted(detector, monkeypatch):
    monkeypatch.setattr("fauxto.predict.detector.CHUNK", 3)
    inputs = (ImageInput(str(i), png(i)) for i in range(10))
    assert [p.path for p in detector.predict_many(inputs)] == [str(i) for i in range(10)]
