"""Changes made to training images only, alike for both classes, decided by the generator given.

Re-encoding, scaling, blur and noise are what pictures go through on the web, and what a network
should not take for a sign of either class.
"""

import io
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from fauxto.core.recipe import AugmentRecipe

_FILTERS: Final = (
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
_SUBSAMPLINGS: Final = ("4:4:4", "4:2:0")


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
