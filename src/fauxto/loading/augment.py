"""Changes made to training images only, alike for both classes, decided by the generator given.

Re-encoding, scaling, blur, noise and other colours are what pictures go through on the web, and
what a network should not take for a sign of either class. Shuffled parts take away what a picture
shows and leave how it is made (Zheng et al. 2024, Breaking Semantic Artifacts).
"""

import io
from typing import Final

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from fauxto.core.recipe import AugmentRecipe

_FILTERS: Final = (
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
_SUBSAMPLINGS: Final = ("4:4:4", "4:2:0")
_ENHANCERS: Final = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


def augment_image(
    image: Image.Image, recipe: AugmentRecipe, rng: np.random.Generator
) -> Image.Image:
    """Return a changed picture of the same size.

    Args:
        image: mode RGB, of the network's input size.
        recipe: what may be changed, and how often.
        rng: decides; seed it with everything that identifies the image and the epoch.
    """
    if rng.random() < recipe.crop:
        image = _crop(image, recipe.crop_min_area, rng)
    if rng.random() < recipe.horizontal_flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # A change that a recipe does not name draws nothing, so that older runs can be repeated.
    if recipe.colour and rng.random() < recipe.colour:
        image = _change_colour(image, recipe.colour_strength, rng)
    if recipe.greyscale and rng.random() < recipe.greyscale:
        image = image.convert("L").convert("RGB")
    if recipe.shuffle and rng.random() < recipe.shuffle:
        image = _shuffle(image, rng)
    if rng.random() < recipe.resize:
        image = _resize(image, recipe.resize_min_scale, rng)
    if rng.random() < recipe.blur:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, recipe.blur_max_sigma_px)))
    if rng.random() < recipe.noise:
        image = _add_noise(image, rng.uniform(0, recipe.noise_max_sigma), rng)
    if rng.random() < recipe.reencode:
        image = _reencode(image, recipe.reencode_quality, rng)
    return image


def _choose_filter(rng: np.random.Generator) -> Image.Resampling:
    return _FILTERS[rng.integers(len(_FILTERS))]


def _crop(image: Image.Image, min_area: float, rng: np.random.Generator) -> Image.Image:
    scale = np.sqrt(rng.uniform(min_area, 1))
    width, height = (max(1, round(side * scale)) for side in image.size)
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    box = (left, top, left + width, top + height)
    return image.resize(image.size, Image.Resampling.BICUBIC, box=box)


def _change_colour(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    for kind in rng.permutation(len(_ENHANCERS) + 1):
        factor = rng.uniform(1 - strength, 1 + strength)
        if kind < len(_ENHANCERS):
            image = _ENHANCERS[kind](image).enhance(factor)
        else:
            gains = rng.uniform(1 - strength / 3, 1 + strength / 3, 3).astype(np.float32)
            balanced = np.asarray(image, dtype=np.float32) * gains
            image = Image.fromarray(balanced.round().clip(0, 255).astype(np.uint8))
    return image


def _shuffle(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the picture's parts in another order; a rest at the right and below stays."""
    grid = int(rng.integers(2, 5))
    width, height = image.width // grid, image.height // grid
    shuffled = image.copy()
    for target, origin in enumerate(rng.permutation(grid * grid)):
        (y, x), (from_y, from_x) = divmod(target, grid), divmod(int(origin), grid)
        left, top = from_x * width, from_y * height
        part = image.crop((left, top, left + width, top + height))
        shuffled.paste(part, (x * width, y * height))
    return shuffled


def _resize(image: Image.Image, min_scale: float, rng: np.random.Generator) -> Image.Image:
    scale = rng.uniform(min_scale, 1)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), _choose_filter(rng)).resize(
        image.size, _choose_filter(rng)
    )


def _add_noise(image: Image.Image, sigma: float, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    noisy = pixels + np.float32(sigma) * rng.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def _reencode(
    image: Image.Image, quality: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    chosen = int(rng.integers(quality[0], quality[1] + 1))
    buffer = io.BytesIO()
    if rng.random() < 0.5:
        subsampling = _SUBSAMPLINGS[rng.integers(len(_SUBSAMPLINGS))]
        image.save(buffer, "JPEG", quality=chosen, subsampling=subsampling)
    else:
        image.save(buffer, "WEBP", quality=chosen, method=2)
    with Image.open(buffer, formats=("JPEG", "WEBP")) as decoded:
        return decoded.convert("RGB")
