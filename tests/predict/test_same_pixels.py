"""The network sees the same pixels in training, evaluation, prediction and the server."""

import io

import numpy as np
import pytest
from PIL import Image

from fauxto.core.choices import Fit, Resample
from fauxto.core.records import Preprocess
from fauxto.data.stored import StoredImage
from fauxto.imaging.decode import Limits
from fauxto.loading.batches import iterate_batches
from fauxto.loading.epochs import LabelledImages, iterate_plain
from fauxto.predict.detector import Detector
from fauxto.prepare.standardise import Job, standardise
from fauxto.serve.decode_job import Job as ServeJob
from fauxto.serve.decode_job import decode_job


class Recorder:
    """Remembers what it was shown."""

    name = "recorder"

    def __init__(self, card):
        self.card = card
        self.shown = []

    def logits(self, inputs):
        self.shown.extend(inputs)
        return np.zeros((len(inputs), 2), np.float32)


@pytest.fixture(scope="module")
def hard_files():
    """Return files whose decoding leaves room for differences."""
    return list(make_files())


def make_files():
    rng = np.random.default_rng(0)
    large = Image.fromarray(rng.integers(0, 256, (97, 181, 3), np.uint8)).resize((1311, 703))
    alpha = large.resize((300, 200)).convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize((300, 200)))
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(rng.integers(0, 65536, (70, 90), np.uint16))
    for image, image_format, options in (
        (large, "JPEG", {"quality": 90}),
        (large, "JPEG", {"quality": 80, "exif": turned, "progressive": True}),
        (large.convert("CMYK"), "JPEG", {}),
        (large, "WEBP", {"quality": 80}),
        (alpha, "PNG", {}),
        (deep, "PNG", {}),
        (large.convert("P"), "GIF", {}),
        (large.resize((32, 32)), "PNG", {}),
    ):
        stored = io.BytesIO()
        image.save(stored, image_format, **options)
        yield stored.getvalue()


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("resample", list(Resample))
def test_train_evaluate_predict_and_serve_see_the_same_pixels(
    hard_files, new_card, tmp_path, fit, resample
):
    preprocess = Preprocess(size_px=32, fit=fit, resample=resample, mean=(0.4, 0.5, 0.6))
    files = []
    for number, content in enumerate(hard_files):
        files.append(tmp_path / f"{number}.bin")
        files[-1].write_bytes(content)
    prepared = [path.with_suffix(".png") for path in files]
    for source, target in zip(files, prepared, strict=True):
        standardise(Job(StoredImage(source.name, str(source)), target, preprocess, Limits()))
    stored = tuple(StoredImage(path.name, str(path)) for path in prepared)

    labels = np.zeros(len(files), np.int64)
    images = LabelledImages(stored, labels)
    trained = next(iterate_plain(images, preprocess, batch_size=len(files), workers=1)).inputs
    evaluated = next(iterate_batches(stored, preprocess, batch_size=len(files), workers=1)).inputs
    recorder = Recorder(new_card(preprocess=preprocess, preprocess_hash=preprocess.hash))
    assert all(p.error is None for p in Detector(recorder).predict_many(files))
    served = [
        decode_job(ServeJob(path.read_bytes()), preprocess=preprocess, limits=Limits()).inputs[0]
        for path in files
    ]

    assert np.array_equal(trained, evaluated)
    assert np.array_equal(trained, np.stack(recorder.shown))
    assert np.array_equal(trained, np.stack(served))


def test_an_exported_file_carries_the_record_of_its_run(new_card, new_model, tmp_path):
    preprocess = Preprocess(size_px=16, fit=Fit.CROP, resample=Resample.FAST, std=(0.3, 0.2, 0.1))
    new_model(tmp_path / "m.onnx", new_card(preprocess=preprocess, preprocess_hash=preprocess.hash))
    detector = Detector.load(tmp_path / "m.onnx")
    assert detector.scorer.card.preprocess == preprocess
    assert detector.scorer.card.preprocess.hash == detector.predict(b"x").preprocess_hash


def test_the_hash_changes_with_every_part_of_the_record():
    plain = Preprocess()
    changes = {
        "size_px": 240,
        "fit": Fit.PAD,
        "resample": Resample.FAST,
        "mean": (0.5,) * 3,
        "std": (0.5,) * 3,
    }
    assert set(changes) == set(Preprocess.model_fields)
    hashes = {plain.model_copy(update={name: value}).hash for name, value in changes.items()}
    assert len(hashes | {plain.hash}) == 1 + len(changes)
