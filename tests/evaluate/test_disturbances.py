import numpy as np
import pytest
from PIL import Image

from fauxto.evaluate.disturbances import DISTURBANCES, STRENGTHS


@pytest.fixture
def picture():
    y, x = np.mgrid[0:48, 0:64]
    pixels = np.stack([x * 3, y * 4, 120 + 80 * np.sin(x / 2) * np.cos(y / 3)], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def distance(picture, changed):
    difference = np.asarray(picture, dtype=float) - np.asarray(changed, dtype=float)
    return float(np.sqrt(np.mean(difference**2)))


@pytest.mark.parametrize("name", DISTURBANCES)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_disturbance_changes_pixels_and_keeps_size_and_mode(picture, name, strength):
    before = picture.tobytes()
    changed = DISTURBANCES[name](picture, strength, np.random.default_rng(1))
    assert (changed.size, changed.mode) == (picture.size, "RGB")
    assert changed.tobytes() != before
    assert picture.tobytes() == before


@pytest.mark.parametrize(
    "name",
    ["JPEG", "WebP", "downscale", "blur", "noise", "crop", "brighter", "darker", "social network"],
)
def test_the_strongest_changes_more_than_the_mildest(picture, name):
    mild, strong = (
        DISTURBANCES[name](picture, strength, np.random.default_rng(1)) for strength in (1, 5)
    )
    assert distance(picture, strong) > 1.5 * distance(picture, mild)


@pytest.mark.parametrize("name", ["noise", "random chain", "screenshot"])
def test_randomness_comes_from_the_generator_alone(picture, name):
    one, same, other = (
        DISTURBANCES[name](picture, 3, np.random.default_rng(seed)).tobytes() for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_a_picture_of_one_pixel_survives_everything():
    for disturb in DISTURBANCES.values():
        assert disturb(Image.new("RGB", (1, 1)), 5, np.random.default_rng(0)).size == (1, 1)
