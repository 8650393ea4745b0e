import io

import numpy as np
import pytest
from PIL import Image

from fauxto.core.choices import Fit, Resample
from fauxto.core.records import Preprocess
from fauxto.imaging.inspect import inspect_bytes
from fauxto.imaging.squares import Squares, encode_square


@pytest.mark.parametrize("size", [(224, 224), (1, 1), (3, 50), (50, 1)])
def test_written_png_holds_every_pixel(size):
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_square(Image.fromarray(pixels)))) as read:
        read.verify()
    with Image.open(io.BytesIO(encode_square(Image.fromarray(pixels)))) as read:
        assert (read.format, read.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(read), pixels)


def test_written_png_is_about_as_large_as_pillows_quickest(photo):
    buffer = io.BytesIO()
    photo.save(buffer, "PNG", compress_level=1)
    assert len(encode_square(photo)) < 1.1 * len(buffer.getvalue())


def test_a_square_is_found_by_content_and_options_alone(photo, encode, tmp_path):
    preprocess = Preprocess(size_px=32, resample=Resample.FAST)
    squares = Squares(tmp_path, preprocess)
    facts = inspect_bytes(encode(photo, "PNG"), squares=squares)
    assert squares.path_of(facts.sha256).is_file()
    for change in ({"size_px": 33}, {"fit": Fit.CROP}, {"resample": Resample.EXACT}):
        other = Squares(tmp_path, preprocess.model_copy(update=change))
        assert not other.path_of(facts.sha256).exists()
    same = Squares(tmp_path, preprocess.model_copy(update={"mean": (0.5, 0.5, 0.5)}))
    assert same.path_of(facts.sha256).is_file()


def test_a_reduced_decoding_gives_no_square_that_needs_every_pixel(photo, encode, tmp_path):
    content = encode(photo.resize((1500, 1100)), "JPEG")
    for name, preprocess in {
        "exact": Preprocess(size_px=32),
        "native": Preprocess(size_px=32, fit=Fit.NATIVE_CROP, resample=Resample.FAST),
        "large": Preprocess(size_px=384, resample=Resample.FAST),
    }.items():
        inspect_bytes(content, squares=Squares(tmp_path / name, preprocess))
    assert not list(tmp_path.rglob("*.png"))


def test_broken_files_leave_no_square(photo, encode, tmp_path):
    content = encode(photo, "PNG")[:-60]
    inspect_bytes(content, squares=Squares(tmp_path, Preprocess(size_px=32)))
    assert not list(tmp_path.iterdir())
