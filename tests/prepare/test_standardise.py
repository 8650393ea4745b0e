import io

import numpy as np
import pytest
from PIL import Image

from fauxto.core.choices import Fit, Resample
from fauxto.core.errors import ImageStatus
from fauxto.core.records import Preprocess
from fauxto.data.stored import StoredImage
from fauxto.imaging.decode import Limits
from fauxto.prepare.standardise import Job, name_picture, standardise


def noise(width, height, mode="RGB", seed=0):
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def job(tmp_path, content, **preprocess):
    (tmp_path / "in").write_bytes(content)
    source = StoredImage("in", str(tmp_path / "in"))
    return Job(source, tmp_path / "out" / "a.png", Preprocess(**preprocess), Limits())


def encoded(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(640, 480), (100, 333), (224, 224)])
def test_squash_is_bit_identical_to_pillows_own_resize(tmp_path, mode, size):
    content = encoded(noise(*size, mode), "JPEG", quality=90)
    expected = Image.open(io.BytesIO(content)).convert("RGB")
    expected = expected.resize((224, 224), Image.Resampling.LANCZOS)
    outcome = standardise(job(tmp_path, content))
    assert outcome.status is ImageStatus.OK
    made = Image.open(tmp_path / "out/a.png")
    assert made.format == "PNG"
    assert np.array_equal(np.asarray(made), np.asarray(expected))


def test_fast_is_close_to_exact_but_not_equal(tmp_path):
    content = encoded(noise(1600, 1200), "JPEG", quality=95)
    standardise(job(tmp_path, content))
    exact = np.asarray(Image.open(tmp_path / "out/a.png"), np.float64)
    (tmp_path / "out/a.png").unlink()
    standardise(job(tmp_path, content, resample=Resample.FAST))
    fast = np.asarray(Image.open(tmp_path / "out/a.png"), np.float64)
    error = np.mean((exact - fast) ** 2)
    assert 0 < error < 255**2 / 10**4.5  # at least 45 dB


@pytest.mark.parametrize("fit", list(Fit))
def test_every_fit_gives_the_asked_square(tmp_path, fit):
    standardise(job(tmp_path, encoded(noise(300, 130), "PNG"), fit=fit, size_px=96))
    with Image.open(tmp_path / "out/a.png") as made:
        assert made.size == (96, 96)


def test_a_bad_file_is_an_outcome_and_writes_nothing(tmp_path):
    content = encoded(noise(300, 200), "JPEG")
    outcome = standardise(job(tmp_path, content[: len(content) // 2]))
    assert outcome.status is ImageStatus.TRUNCATED
    assert outcome.error
    assert not (tmp_path / "out/a.png").exists()


def test_a_picture_made_by_an_interrupted_call_is_not_made_again(tmp_path):
    task = job(tmp_path, encoded(noise(300, 200), "JPEG"))
    first = standardise(task)
    (tmp_path / "in").unlink()
    assert standardise(task) == first


def test_names_are_plain_unique_and_depend_on_the_path_alone():
    hard = ["a/photo.jpg", "b/photo.jpg", "a/photo.png", "ünï\n'\"😀.jpg", "..jpg", "x" * 300]
    names = [name_picture(path) for path in hard]
    assert len(set(names)) == len(hard)
    assert all(name.isascii() and "/" not in name and len(name) < 80 for name in names)
    assert names[0].startswith("photo-")
    assert names == [name_picture(path) for path in hard]
    assert name_picture("bad\udcff.jpg").isascii()


def test_a_native_crop_keeps_its_scale_with_fast_decoding(tmp_path):
    content = encoded(noise(1600, 1200), "JPEG", quality=90)
    standardise(job(tmp_path, content, fit=Fit.NATIVE_CROP, size_px=64, resample=Resample.FAST))
    with Image.open(io.BytesIO(content)) as original:
        expected = original.convert("RGB").crop((768, 568, 832, 632))
    with Image.open(tmp_path / "out/a.png") as made:
        assert np.array_equal(np.asarray(made), np.asarray(expected))
