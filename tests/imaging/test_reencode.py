import io

import numpy as np
import pytest
from PIL import Image

from fauxto.core.choices import Reencoding
from fauxto.imaging import reencode as module
from fauxto.imaging.reencode import encode, encode_again, reencode


@pytest.fixture
def rgb():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("change", "image_format", "size"),
    [
        (Reencoding.JPEG_90, "JPEG", (60, 40)),
        (Reencoding.JPEG_75, "JPEG", (60, 40)),
        (Reencoding.WEBP_80, "WEBP", (60, 40)),
        (Reencoding.SCALE_90, "PNG", (54, 36)),
    ],
)
def test_every_change_gives_the_file_it_is_named_after(rgb, change, image_format, size):
    opened = Image.open(io.BytesIO(reencode(rgb, change)))
    assert (opened.format, opened.size) == (image_format, size)


def test_a_lower_quality_changes_more(rgb):
    def change(quality):
        again = encode_again(rgb, "JPEG", quality)
        return np.abs(np.asarray(again, int) - np.asarray(rgb, int)).mean()

    assert 0 < change(90) < change(75)


def test_a_picture_too_long_for_the_format_is_scaled_down_not_refused(rgb, monkeypatch):
    monkeypatch.setitem(module.LONGEST_SIDE_PX, "WEBP", 30)
    assert Image.open(io.BytesIO(encode(rgb, "WEBP", 80))).size == (30, 20)
    assert rgb.size == (60, 40)


def test_the_thinnest_picture_stays_a_picture():
    assert Image.open(io.BytesIO(reencode(Image.new("RGB", (1, 1)), Reencoding.SCALE_90))).size == (
        1,
        1,
    )
