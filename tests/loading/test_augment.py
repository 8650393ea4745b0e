import numpy as np
import pytest
from PIL import Image

from fauxto.core.recipe import AugmentRecipe
from fauxto.loading.augment import augment_image

NOTHING = AugmentRecipe(horizontal_flip=0)
CHANGES = (
    "crop", "horizontal_flip", "colour", "greyscale", "shuffle", "resize", "blur", "noise",
    "reencode",
)  # fmt: skip


@pytest.fixture
def image():
    pixels = np.random.default_rng(3).integers(0, 256, (20, 28, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def augmented(image, recipe, seed):
    return np.asarray(augment_image(image, recipe, np.random.default_rng(seed)))


def test_nothing_asked_changes_nothing(image):
    np.testing.assert_array_equal(augmented(image, NOTHING, 0), np.asarray(image))


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_keeps_the_size_and_follows_from_the_seed(image, change):
    recipe = AugmentRecipe(**{"horizontal_flip": 0, change: 1})
    first = augmented(image, recipe, 7)
    assert first.shape == (20, 28, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, np.asarray(image))
    np.testing.assert_array_equal(first, augmented(image, recipe, 7))


@pytest.mark.parametrize("change", sorted(set(CHANGES) - {"horizontal_flip", "greyscale"}))
def test_strength_differs_between_seeds(image, change):
    recipe = AugmentRecipe(**{"horizontal_flip": 0, change: 1})
    results = {augmented(image, recipe, seed).tobytes() for seed in range(6)}
    assert len(results) > 3


def test_flip_mirrors_left_and_right(image):
    recipe = AugmentRecipe(horizontal_flip=1)
    np.testing.assert_array_equal(augmented(image, recipe, 0), np.asarray(image)[:, ::-1])


def test_flip_happens_as_often_as_asked(image):
    recipe = AugmentRecipe(horizontal_flip=0.25)
    flips = [
        not np.array_equal(augmented(image, recipe, seed), np.asarray(image)) for seed in range(400)
    ]
    assert 0.18 < np.mean(flips) < 0.32


def test_lower_quality_loses_more(image):
    def loss(quality):
        recipe = AugmentRecipe(horizontal_flip=0, reencode=1, reencode_quality=(quality, quality))
        return np.mean(
            [
                np.abs(augmented(image, recipe, seed).astype(int) - np.asarray(image)).mean()
                for seed in range(12)
            ]
        )

    assert loss(20) > 1.5 * loss(98)


def test_noise_has_the_strength_drawn():
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    recipe = AugmentRecipe(horizontal_flip=0, noise=1, noise_max_sigma=20)
    spread = [augmented(grey, recipe, seed).std() for seed in range(20)]
    assert max(spread) < 21
    assert max(spread) > 10
    assert min(spread) < 10


def test_greyscale_makes_the_channels_equal(image):
    grey = augmented(image, AugmentRecipe(horizontal_flip=0, greyscale=1), 0)
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_shuffled_parts_are_the_same_parts(image):
    recipe = AugmentRecipe(horizontal_flip=0, shuffle=1)
    for seed in range(8):
        shuffled = augmented(image, recipe, seed)
        before = np.sort(np.asarray(image).reshape(-1, 3), axis=0)
        np.testing.assert_array_equal(np.sort(shuffled.reshape(-1, 3), axis=0), before)


def test_colours_change_by_at_most_the_strength():
    grey = Image.new("RGB", (8, 8), (100, 100, 100))
    recipe = AugmentRecipe(horizontal_flip=0, colour=1, colour_strength=0.3)
    means = np.array([augmented(grey, recipe, seed).mean(axis=(0, 1)) for seed in range(60)])
    assert means.min() > 100 * 0.7 * 0.9 - 2
    assert means.max() < 100 * 1.3 * 1.1 + 2
    assert means.mean(axis=1).min() < 80 < 120 < means.mean(axis=1).max()
    assert np.ptp(means, axis=1).max() > 8  # white balance: channels part
