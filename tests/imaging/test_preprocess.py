import numpy as np
import pytest
from PIL import Image

from fauxto.core.records import Fit, Preprocess, Resample
from fauxto.imaging.preprocess import fit_image, preprocess_image, to_input


def test_squash_is_exactly_pillows_lanczos(photo):
    fitted = fit_image(photo, Preprocess(size_px=32))
    expected = photo.resize((32, 32), Image.Resampling.LANCZOS)
    assert fitted.tobytes() == expected.tobytes()


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("resample", list(Resample))
@pytest.mark.parametrize("size", [(96, 64), (64, 96), (20, 30), (300, 17), (33, 33), (1, 1)])
def test_result_is_an_rgb_square(photo, fit, resample, size):
    image = photo.resize(size)
    fitted = fit_image(image, Preprocess(size_px=32, fit=fit, resample=resample))
    assert fitted.size == (32, 32)
    assert fitted.mode == "RGB"


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("resample", list(Resample))
def test_fitting_size_keeps_every_pixel(photo, fit, resample):
    image = photo.crop((0, 0, 64, 64))
    fitted = fit_image(image, Preprocess(size_px=64, fit=fit, resample=resample))
    assert fitted.tobytes() == image.tobytes()


def test_crop_keeps_the_centre_in_proportion():
    image = Image.new("RGB", (300, 100), "blue")
    image.paste((255, 0, 0), (100, 0, 200, 100))
    fitted = np.asarray(fit_image(image, Preprocess(size_px=50, fit=Fit.CROP)))
    assert (fitted[:, 5:-5] == (255, 0, 0)).all()


def test_native_crop_cuts_without_scaling(photo):
    fitted = fit_image(photo, Preprocess(size_px=32, fit=Fit.NATIVE_CROP))
    assert fitted.tobytes() == photo.crop((32, 16, 64, 48)).tobytes()


def test_pad_keeps_all_and_fills_with_grey():
    fitted = np.asarray(
        fit_image(Image.new("RGB", (200, 100)), Preprocess(size_px=40, fit=Fit.PAD))
    )
    assert (fitted[:10] == 128).all()
    assert (fitted[10:30] == 0).all()
    assert (fitted[30:] == 128).all()


def test_fast_is_close_to_exact(photo):
    big = photo.resize((1920, 1280), Image.Resampling.BICUBIC)
    exact = np.asarray(fit_image(big, Preprocess(size_px=64))).astype(float)
    fast = np.asarray(fit_image(big, Preprocess(size_px=64, resample=Resample.FAST))).astype(float)
    error = np.mean((exact - fast) ** 2)
    assert 10 * np.log10(255**2 / error) > 45


def test_input_equals_torchvision_to_tensor_and_normalize(photo):
    transforms = pytest.importorskip("torchvision.transforms")
    preprocess = Preprocess(size_px=32)
    expected = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(preprocess.mean, preprocess.std)]
    )(fit_image(photo, preprocess)).numpy()
    assert np.array_equal(preprocess_image(photo, preprocess), expected)


def test_input_by_hand():
    preprocess = Preprocess(size_px=16, mean=(0.5, 0.5, 0.0), std=(0.5, 0.25, 1.0))
    inputs = to_input(Image.new("RGB", (16, 16), (255, 0, 51)), preprocess)
    assert inputs.shape == (3, 16, 16)
    assert inputs.dtype == np.float32
    assert inputs[:, 3, 4] == pytest.approx([1.0, -2.0, 0.2])
