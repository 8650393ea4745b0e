"""Occlusion: cover one square after another and watch the log odds. Works on anything scored."""

from collections.abc import Callable
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Float

from fauxto.explain.heat import keep_positive

STEPS_ACROSS: Final = 8
"""Places of the square along the shorter side."""

SQUARE: Final = 0.2
"""Side of the square as a share of the shorter side; neighbours overlap a little."""

IMAGES_AT_ONCE: Final = 32
"""Covered images in one forward pass."""

Odds = Callable[[Float[np.ndarray, "n 3 h w"]], Float[np.ndarray, " n"]]
"""Images to log odds of fake."""


def occlude(
    odds: Odds, inputs: Float[np.ndarray, "n 3 h w"], directions: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n h w"]:
    """Return maps in [0, 1]: how much the asked side loses when a square becomes mean colour.

    A pixel that several squares cover has the mean of their losses.

    Args:
        odds: the network's log odds of fake.
        inputs: normalised images; 0 is the data's mean colour.
        directions: +1 explains fake, −1 real.

    Source:
        Zeiler and Fergus 2014, section 4.2. Deviation from captum's ``Occlusion``: squares that
        reach over the rim are cut off, and coverings are counted, so rims are not darker.
    """
    height, width = inputs.shape[-2:]
    stride = max(1, min(height, width) // STEPS_ACROSS)
    side = max(stride, round(SQUARE * min(height, width)))
    overlap = (side - stride) // 2
    rows, columns = (
        [slice(max(0, at - overlap), at - overlap + side) for at in range(0, length, stride)]
        for length in (height, width)
    )
    places = list(product(rows, columns))
    covered = np.zeros((height, width), np.float32)
    for place in places:
        covered[place] += 1
    losses = np.zeros((len(inputs), height, width), np.float32)
    for image, whole, direction, loss in zip(inputs, odds(inputs), directions, losses, strict=True):
        for start in range(0, len(places), IMAGES_AT_ONCE):
            some = places[start : start + IMAGES_AT_ONCE]
            batch = np.repeat(image[None], len(some), axis=0)
            for one, (down, across) in zip(batch, some, strict=True):
                one[:, down, across] = 0
            for (down, across), left in zip(some, odds(batch), strict=True):
                loss[down, across] += direction * (whole - left)
    return keep_positive(losses / covered)
