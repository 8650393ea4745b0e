from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFilter

from fauxto.imaging.decode import open_header
from fauxto.imaging.properties import (
    estimate_jpeg_quality,
    halve_picture,
    measure_appearance,
    name_jpeg_subsampling,
    reduce_picture,
)


def measure(picture):
    return measure_appearance(picture, halve_picture(picture))


def half_and_half(left, right):
    image = Image.new("RGB", (40, 30), left)
    image.paste(right, (20, 0, 40, 30))
    return image


def test_brightness_contrast_and_saturation_by_hand():
    assert measure(half_and_half("black", "white")).brightness == pytest.approx(0.5)
    assert measure(half_and_half("black", "white")).contrast == pytest.approx(0.5)
    assert measure(half_and_half("black", "white")).saturation == 0
    assert measure(half_and_half("red", "black")).saturation == pytest.approx(0.5)
    assert measure(half_and_half((200, 100, 100), "white")).saturation == 0.25
    plain = measure(Image.new("RGB", (40, 30), (51, 51, 51)))
    assert plain.brightness == pytest.approx(0.2)
    assert (plain.contrast, plain.sharpness) == pytest.approx((0, 0), abs=1e-6)


def test_sharpness_is_the_variance_of_the_laplacian():
    levels = np.random.default_rng(0).integers(0, 256, (9, 12)).astype(np.uint8)
    wide = levels.astype(float)
    laplacian = [
        wide[y - 1, x] + wide[y + 1, x] + wide[y, x - 1] + wide[y, x + 1] - 4 * wide[y, x]
        for y in range(1, 8)
        for x in range(1, 11)
    ]
    image = Image.fromarray(levels).convert("RGB")
    assert measure(image).sharpness == pytest.approx(np.var(laplacian), rel=1e-4)


def test_blurring_lowers_sharpness(photo):
    blurred = photo.filter(ImageFilter.GaussianBlur(3))
    assert measure(blurred).sharpness < measure(photo).sharpness / 5


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (1, 500)])
def test_tiny_pictures_have_an_appearance(size):
    appearance = measure(Image.new("RGB", size, "white"))
    assert appearance.brightness == pytest.approx(1)
    assert appearance.sharpness == 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((256, 511), (256, 511)),
        ((600, 512), (300, 256)),
        ((2218, 2202), (278, 276)),
        ((9, 4), (9, 4)),
    ],
)
def test_reduction_by_whole_factors(size, expected):
    assert reduce_picture(Image.new("RGB", size)).size == expected


def test_reduction_bounds_very_long_pictures():
    small = reduce_picture(Image.new("RGB", (30_000, 300)))
    assert small.width * small.height <= 2_000_000


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 85, 90, 95, 99, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_quality_and_subsampling_are_read_back(photo, encode, quality, subsampling):
    image = open_header(encode(photo, "JPEG", quality=quality, subsampling=subsampling))
    assert estimate_jpeg_quality(image) == quality
    assert name_jpeg_subsampling(image) == subsampling


def test_custom_jpeg_tables_give_the_nearest_quality(photo):
    buffer = BytesIO()
    photo.save(buffer, "JPEG", qtables=[[7] * 64, [7] * 64])
    assert 85 <= estimate_jpeg_quality(open_header(buffer.getvalue())) <= 97


def test_grey_and_cmyk_jpegs_have_no_subsampling(photo, encode):
    for mode in ("L", "CMYK"):
        assert name_jpeg_subsampling(open_header(encode(photo.convert(mode), "JPEG"))) is None
