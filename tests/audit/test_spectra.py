import numpy as np
import pytest
from PIL import Image

from fauxto.audit.spectra import MAX_CROPS, central_crop, power_spectrum, sample_spectra
from fauxto.core.labels import Label
from fauxto.data.stored import StoredImage


def test_spectrum_of_a_wave_has_its_peaks_at_the_waves_frequency():
    x = np.arange(64)
    wave = np.tile(np.cos(2 * np.pi * x * 10 / 64), (64, 1))
    spectrum = power_spectrum(wave)
    peaks = np.argwhere(spectrum > spectrum.max() / 2)
    assert {tuple(peak) for peak in peaks} == {(32, 22), (32, 42)}


def test_spectrum_does_not_depend_on_brightness_and_contrast():
    grey = np.random.default_rng(0).uniform(size=(32, 32))
    np.testing.assert_allclose(power_spectrum(grey), power_spectrum(grey * 90 + 20), rtol=1e-9)


def test_spectrum_of_one_tone_is_zero():
    assert power_spectrum(np.full((16, 16), 7.0)).max() == 0


def test_central_crop_is_central_and_never_enlarges():
    picture = np.zeros((5, 7, 3), dtype=np.uint8)
    picture[2, 3] = 255
    crop = central_crop(Image.fromarray(picture), 3)
    assert np.argwhere(crop == 255).tolist() == [[1, 1]]
    assert central_crop(Image.fromarray(picture), 6) is None


def write_pictures(root, images, side):
    rng = np.random.default_rng(0)
    for path in images["path"]:
        (root / path).parent.mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / path)


def below(folder):
    return lambda paths: [StoredImage(path, str(folder / path)) for path in paths]


@pytest.mark.parametrize(("side", "crop"), [(256, 256), (200, 128)])
def test_crops_are_as_large_as_the_pictures_allow(make_tables, tmp_path, side, crop):
    images, _ = make_tables(60, width=side, height=side)
    write_pictures(tmp_path, images, side)
    spectra = sample_spectra(images, below(tmp_path), np.random.default_rng(0))
    assert {label: values.shape for label, values in spectra.items()} == {
        Label.REAL: (30, crop, crop),
        Label.FAKE: (30, crop, crop),
    }
    assert MAX_CROPS >= 30


def test_pictures_that_are_gone_or_small_give_no_spectra(make_tables, tmp_path):
    gone, _ = make_tables(60, width=300, height=300)
    small, _ = make_tables(60, width=100, height=300)
    for images in (gone, small):
        assert sample_spectra(images, below(tmp_path), np.random.default_rng(0)) is None
