"""Changes made to training images only, alike for both classes, decided by seed, epoch and row."""

import numpy as np
from PIL import Image

from fauxto.core.recipe import AugmentRecipe


def augment_image(
    image: Image.Image, recipe: AugmentRecipe, rng: np.random.Generator
) -> Image.Image:
    """Return a changed picture of the same size.

    Args:
        image: mode RGB, of the network's input size.
        recipe: what may be changed, and how often.
        rng: decides; seed it with everything that identifies the image and the epoch.
    """
    if rng.random() < recipe.horizontal_flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image
