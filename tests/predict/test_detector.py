import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from fauxto.core.artifacts import claim_folder
from fauxto.core.choices import Policy, Reencoding
from fauxto.core.errors import ArtifactError, DataError, RecipeError
from fauxto.core.records import OperatingPoint, Preprocess
from fauxto.imaging.decode import Limits
from fauxto.models import scorer
from fauxto.predict.detector import Detector
from fauxto.predict.inputs import ImageInput


def encoded(image, image_format="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def png(level: int) -> bytes:
    return encoded(Image.new("RGB", (20, 20), (level,) * 3))


def striped(level: int, side=40) -> bytes:
    """A picture with something in it: stripes around a level, which is its mean."""
    contrast = min(6, level, 255 - level) or 6
    pixels = np.full((side, side, 3), level, np.int16)
    pixels[:, : side // 2] += contrast
    pixels[:, side // 2 :] -= contrast
    return encoded(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def noise(seed=0, size=(40, 60)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def test_the_score_is_the_softmax_of_the_cooled_logits(detector):
    level = 200
    preprocess = detector.scorer.card.preprocess
    logit = ((level / 255 - np.array(preprocess.mean)) / preprocess.std).mean()
    expected = 1 / (1 + np.exp(-logit / 2.0))
    assert detector.predict(png(level)).score == pytest.approx(expected, abs=1e-5)


def test_path_bytes_picture_and_array_give_the_same_score(detector, tmp_path):
    content = encoded(noise())
    (tmp_path / "a.png").write_bytes(content)
    picture = Image.open(io.BytesIO(content))
    forms = [tmp_path / "a.png", str(tmp_path / "a.png"), content, picture, np.asarray(noise())]
    assert len({detector.predict(form).score for form in forms}) == 1
    assert len({prediction.score for prediction in detector.predict_many(forms)}) == 1


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "F", "I;16"])
def test_pictures_in_memory_may_have_any_mode_that_files_have(detector, mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 20), 40_000, np.uint16))
    else:
        image = noise().convert(mode)
    before = image.tobytes()
    assert detector.predict(image).error is None
    assert image.tobytes() == before


def test_a_picture_in_memory_with_alpha_is_laid_over_white_and_said_so(detector):
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[:4, :4, 3] = 255
    prediction = detector.predict(Image.fromarray(pixels))
    assert prediction.verdict == "fake"
    assert prediction.notes == ("alpha laid over white",)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4, 3)), np.zeros((3, 8, 8), np.uint8), np.zeros((2, 4, 4, 3), np.uint8)],
)
def test_an_array_that_is_no_picture_is_refused_with_what_is_taken(detector, pixels):
    with pytest.raises(DataError, match="uint8 of shape"):
        detector.predict(pixels)


def test_what_was_done_to_the_pixels_is_noted(detector):
    frames = [Image.new("RGB", (20, 20), (0, 0, level)) for level in (0, 90, 200)]
    turned = Image.Exif()
    turned[0x0112] = 6
    cases = {
        "alpha laid over white": encoded(noise().convert("RGBA")),
        "first frame used": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "turned upright": encoded(noise(), "JPEG", exif=turned),
        "converted from mode CMYK": encoded(noise().convert("CMYK"), "JPEG"),
    }
    found = detector.predict_many(cases.values())
    for note, prediction in zip(cases, found, strict=True):
        assert note in prediction.notes
    deep = Image.fromarray(np.full((20, 20), 40_000, np.uint16))
    assert any("8 bit" in note for note in detector.predict(encoded(deep)).notes)


def test_order_is_kept_and_a_broken_image_is_a_row_with_its_error(detector, tmp_path):
    levels = [0, 255, None, 120, 255]
    inputs = [
        ImageInput(f"{i}", tmp_path / "gone.png" if level is None else striped(level))
        for i, level in enumerate(levels)
    ]
    found = list(detector.predict_many(inputs, batch_size=2, workers=3))
    assert [prediction.path for prediction in found] == ["0", "1", "2", "3", "4"]
    assert [prediction.verdict for prediction in found] == ["real", "fake", None, "unsure", "fake"]
    assert found[2].score is None
    assert found[2].error.startswith("unreadable: ")
    assert all(prediction.error is None for prediction in found if prediction.path != "2")


def test_the_score_of_an_image_does_not_depend_on_its_neighbours(detector):
    images = [encoded(noise(seed)) for seed in range(7)]
    alone = [detector.predict(image).score for image in images]
    together = detector.predict_many(images, batch_size=3, workers=2, stability=True)
    assert [prediction.score for prediction in together] == alone


def test_images_are_taken_as_they_are_needed(detector):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield png(len(taken) % 256)

    found = detector.predict_many(endless(), batch_size=4, workers=2)
    assert [next(found).path for _ in range(20)] == ["-"] * 20
    assert len(taken) <= 20 + 2 * 4 + 2


def test_limits_are_kept(detector):
    (prediction,) = detector.predict_many([png(1)], limits=Limits(max_pixels=399))
    assert prediction.error.startswith("too_large: ")


def test_a_single_broken_image_is_told_not_raised(detector):
    assert detector.predict(b"no picture").error.startswith("not_an_image: ")


def test_every_prediction_names_model_threshold_and_preprocessing(detector):
    prediction = detector.predict(png(10))
    assert prediction.model == "brightness"
    assert prediction.preprocess_hash == Preprocess(size_px=16).hash
    assert (prediction.threshold, prediction.policy) == (0.6, "balanced")
    assert prediction.unsure_band == (0.45, 0.6)  # of the card to 0.55, and to the threshold
    assert prediction.flips is None


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_a_larger_score_is_never_more_real(new_card, threshold):
    point = OperatingPoint(policy="cost", threshold=threshold, recall_fake=1, fpr=0)
    detector = Detector(Listener(new_card(operating_points=(point,)), []), policy=Policy.COST)
    rank = {"real": 0, "unsure": 1, "fake": 2}
    said = [detector.judge("-", score / 100) for score in range(101)]
    ranks = [rank[prediction.verdict] for prediction in said]
    assert ranks == sorted(ranks)
    low, high = said[0].unsure_band
    assert low <= threshold <= high
    for prediction in said:
        if prediction.score < low:
            assert prediction.verdict == "real"
        if prediction.score > high:
            assert prediction.verdict == "fake"
        if low < prediction.score < high:
            assert prediction.verdict == "unsure"


@pytest.mark.parametrize(
    ("picture", "doubt"),
    [
        (Image.new("RGB", (200, 200)), "one colour all over"),
        (Image.effect_noise((31, 400), 60), "31 × 400 pixels are too few"),
    ],
)
def test_a_picture_that_holds_nothing_is_unsure_and_says_why(new_card, picture, doubt):
    (prediction,) = Detector(Listener(new_card(), [0.99])).predict_many([picture])
    assert (prediction.verdict, prediction.score) == ("unsure", pytest.approx(0.99))
    assert any(doubt in note for note in prediction.notes)


FPR_5 = OperatingPoint(policy="fpr-5%", threshold=0.7, recall_fake=0.9, fpr=0.05)


def test_few_false_alarms_are_the_default_where_the_card_has_them(new_detector):
    own = new_detector()
    assert (own.policy, own.threshold) == ("balanced", 0.6)
    points = (*own.scorer.card.operating_points, FPR_5)
    careful = new_detector(operating_points=points)
    assert (careful.policy, careful.threshold) == ("fpr-5%", 0.7)
    asked = new_detector(operating_points=points, policy=Policy.ARGMAX)
    assert (asked.policy, asked.threshold) == ("argmax", 0.5)


def test_a_policy_that_was_not_fitted_is_refused(new_detector):
    with pytest.raises(RecipeError, match=r"no threshold for the policy fpr-1%.*argmax, balanced"):
        new_detector(policy=Policy.FPR_1)


class Listener:
    """Gives the scores it is told, in turn, whatever it sees."""

    name = "listener"

    def __init__(self, card, scores):
        self.card = card
        self.scores = list(scores)
        self.seen = []

    def logits(self, inputs):
        self.seen.append(inputs)
        now, self.scores = self.scores[: len(inputs)], self.scores[len(inputs) :]
        margin = [2.0 * np.log(score / (1 - score)) for score in now]
        return np.array([[0.0, each] for each in margin], np.float32)


def test_a_verdict_that_a_mild_reencoding_flips_is_unsure_and_names_it(new_card):
    calm, torn = [0.9, 0.88, 0.8, 0.7, 0.9], [0.9, 0.9, 0.58, 0.9, 0.3]
    listener = Listener(new_card(), [*calm, *torn])
    first, second = Detector(listener).predict_many([striped(10), striped(20)], stability=True)
    assert (first.verdict, first.flips) == ("fake", ())
    assert (second.verdict, second.flips) == ("unsure", ("jpeg-75", "scale-90%"))
    assert second.score == pytest.approx(0.9, abs=1e-6)


def test_stability_looks_at_the_files_that_the_picture_would_become(new_card, new_detector):
    content = encoded(noise(size=(90, 70)), "JPEG", quality=95)
    listener = Listener(new_card(), [0.9] * 5)
    Detector(listener).predict(content, stability=True)
    (inputs,) = listener.seen
    assert len(inputs) == 1 + len(Reencoding)
    plain = Listener(new_card(), [0.9])
    Detector(plain).predict(content)
    assert np.array_equal(plain.seen[0][0], inputs[0])
    again = io.BytesIO()
    Image.open(io.BytesIO(content)).save(again, "JPEG", quality=90)
    Detector(through := Listener(new_card(), [0.9])).predict(again.getvalue())
    assert np.array_equal(through.seen[0][0], inputs[1])


def test_the_card_says_which_reencodings_are_mild(new_card):
    listener = Listener(new_card(mild_reencodings=("webp-80",)), [0.9, 0.1])
    assert Detector(listener).predict(png(1), stability=True).flips == ("webp-80",)


def test_explanations_show_the_places_that_speak_for_the_verdict(model, tmp_path):
    pixels = np.full((48, 48, 3), 60, np.uint8)
    pixels[:12, 36:] = 255
    detector = Detector.load(model)
    (prediction,) = detector.predict_many(
        [ImageInput("a/b c.png", encoded(Image.fromarray(pixels)))], explain=tmp_path / "maps"
    )
    assert prediction.verdict == "real"
    drawn = np.asarray(Image.open(prediction.explanation)).astype(int)
    assert drawn.shape == (16, 16, 3)
    bright = Image.fromarray(np.where(pixels == 60, 200, 255).astype(np.uint8))
    (other,) = detector.predict_many([encoded(bright)], explain=tmp_path / "maps")
    assert other.verdict == "fake"
    shown = np.asarray(Image.open(other.explanation)).astype(int)
    yellow = shown[..., 1] - shown[..., 2]
    assert yellow[:2, 14:].min() > yellow[8:, :8].max()


def test_explaining_without_an_activation_map_says_what_can_be_done(new_model, card, tmp_path):
    new_model(tmp_path / "plain.onnx", card, cam=False)
    with pytest.raises(ArtifactError, match="fauxto explain"):
        Detector.load(tmp_path / "plain.onnx").predict_many([png(1)], explain=tmp_path / "maps")


def test_without_a_model_the_bundled_detector_is_opened(model, monkeypatch):
    monkeypatch.setattr(scorer, "BUNDLED", model)
    assert Detector.load().scorer.name == "brightness"
    monkeypatch.setattr(scorer, "BUNDLED", model.with_name("gone.onnx"))
    with pytest.raises(ArtifactError, match=r"no detector inside.*--model.*make bundled"):
        Detector.load()


def test_one_detector_serves_many_threads(model):
    detector = Detector.load(model)
    images = [encoded(noise(seed)) for seed in range(24)]
    expected = [detector.predict(image).score for image in images]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda image: detector.predict(image).score, images)) == expected


def test_an_unfinished_run_and_another_folder_are_told_apart(tmp_path):
    with pytest.raises(ArtifactError, match="is not a folder written by 'fauxto train'"):
        Detector.load(tmp_path)
    run = tmp_path / "run"
    claim_folder(run, "train", {})
    with pytest.raises(ArtifactError, match="is unfinished: run 'fauxto train' again"):
        Detector.load(run)
    claim_folder(tmp_path / "dataset", "prepare", {})
    with pytest.raises(ArtifactError, match="was written by 'fauxto prepare'"):
        Detector.load(tmp_path / "dataset")
