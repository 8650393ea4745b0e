import numpy as np
import polars as pl
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


def test_the_power_at_all_frequencies_is_that_of_all_pixels():
    """Parseval's theorem, of the crop at mean 0 and variance 1, faded out towards its border."""
    grey = np.random.default_rng(0).uniform(size=(32, 32))
    window = np.outer(np.hanning(32), np.hanning(32))
    faded = (grey - grey.mean()) / grey.std() * window
    assert power_spectrum(grey).sum() == pytest.approx((faded**2).sum())


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


def asked_for(images):
    """Return the pictures that would be read; none of them is there."""
    asked = []

    def find(paths):
        asked.extend(paths)
        return []

    assert sample_spectra(images, find, np.random.default_rng(0)) is None
    return asked


def test_pictures_of_more_than_24_megapixels_are_not_read(make_tables):
    images, _ = make_tables(60, label="real", width=6000, height=[4000] * 30 + [4001] * 30)
    assert asked_for(images) == images["path"][:30].to_list()


def test_at_most_a_hundred_pictures_of_a_class_are_read_each_once(make_tables):
    images, _ = make_tables(260, width=300, height=300)
    asked = asked_for(images)
    reals = images.filter(pl.col("label") == "real")["path"]
    assert len(asked) == len(set(asked)) == 100
    assert set(asked) <= set(reals)


def test_a_few_large_pictures_do_not_make_the_crops_large(make_tables, tmp_path):
    """With ten large ones in each class, thirty smaller ones tell more."""
    images, _ = make_tables(80, width=[300] * 20 + [140] * 60, height=300)
    write_pictures(tmp_path, images, 140)
    spectra = sample_spectra(images, below(tmp_path), np.random.default_rng(0))
    assert {values.shape for values in spectra.values()} == {(40, 128, 128)}


@pytest.mark.parametrize("readable", [7, 8])
def test_eight_readable_pictures_of_each_class_are_enough(make_tables, tmp_path, readable):
    images, _ = make_tables(60, width=130, height=130)
    write_pictures(tmp_path, images.head(2 * readable), 130)
    for path in images["path"][2 * readable :]:
        (tmp_path / path).write_bytes(b"no picture")
    spectra = sample_spectra(images, below(tmp_path), np.random.default_rng(0))
    assert (spectra is not None) is (readable == 8)


def test_crop_is_taken_from_the_middle_of_either_shape():
    for width, height in ((7, 4), (4, 7), (4, 4), (9, 6)):
        picture = np.add.outer(np.arange(height) * 20, np.arange(width)).astype(np.uint8)
        crop = central_crop(Image.fromarray(np.stack([picture] * 3, axis=-1)), 4)
        top, left = (height - 4) // 2, (width - 4) // 2
        assert np.array_equal(crop, picture[top : top + 4, left : left + 4])
