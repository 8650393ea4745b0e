import io
import threading

import numpy as np
import pytest
from PIL import Image

from fauxto.core.errors import ImageStatus
from fauxto.core.records import Fit, Preprocess
from fauxto.data.stored import StoredImage
from fauxto.imaging.decode import Limits
from fauxto.imaging.preprocess import preprocess_image
from fauxto.loading.ahead import map_ahead
from fauxto.loading.batches import iterate_batches

PREPROCESS = Preprocess(size_px=24, fit=Fit.CROP, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))


def picture(number):
    pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def as_png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def items(tmp_path):
    """Seven items: 2 is not an image, 5 does not exist, odd ones are bytes."""
    items = []
    for number in range(7):
        content = as_png(picture(number))
        path = tmp_path / f"{number}.png"
        path.write_bytes(content)
        items.append(content if number % 2 else StoredImage(path.name, str(path)))
    items[2] = b"not an image"
    items[5] = StoredImage("nowhere.png", str(tmp_path / "nowhere.png"))
    return items


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (3, 2), (7, 3), (50, 1)])
def test_every_item_comes_back_once_in_order(items, batch_size, workers):
    batches = list(iterate_batches(items, PREPROCESS, batch_size=batch_size, workers=workers))
    readable = [index for batch in batches for index in batch.indices]
    assert readable == [0, 1, 3, 4, 6]
    assert [index for batch in batches for index in batch.errors] == [2, 5]
    assert len(batches) == -(-len(items) // batch_size)
    stacked = np.concatenate([batch.inputs for batch in batches])
    expected = [preprocess_image(picture(number), PREPROCESS) for number in readable]
    np.testing.assert_array_equal(stacked, np.stack(expected))


def test_errors_carry_their_status(items):
    (batch,) = iterate_batches(items, PREPROCESS, batch_size=9, workers=1)
    assert batch.errors[2].status is ImageStatus.NOT_AN_IMAGE
    assert batch.errors[5].status is ImageStatus.UNREADABLE


def test_limits_are_kept(items):
    (batch,) = iterate_batches(
        items, PREPROCESS, batch_size=9, workers=1, limits=Limits(max_pixels=30 * 40 - 1)
    )
    assert batch.inputs.shape == (0, 3, 24, 24)
    assert batch.errors[0].status is ImageStatus.TOO_LARGE


def test_nothing_gives_no_batch():
    assert list(iterate_batches([], PREPROCESS, batch_size=4, workers=2)) == []


def test_at_most_ahead_items_are_taken_before_they_are_consumed():
    taken = []

    def source():
        for number in range(100):
            taken.append(number)
            yield number

    results = map_ahead(lambda number: -number, source(), workers=2, ahead=5)
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    assert len(taken) <= 3 + 5
    results.close()
    assert threading.active_count() == 1 or all(
        not thread.name.startswith("fauxto-load") for thread in threading.enumerate()
    )


def test_an_exception_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(map_ahead(lambda number: 1 / number, [1, 0, 1], workers=2, ahead=2))
