"""Which side of the decision a map explains, image by image."""

import numpy as np
from jaxtyping import Float

from fauxto.explain.catalogue import Target as Target


def choose_directions(
    target: Target, odds: Float[np.ndarray, " n"], threshold: float = 0.0
) -> Float[np.ndarray, " n"]:
    """Return +1 for images whose evidence for fake is asked, −1 for real.

    Args:
        target: whose evidence is asked.
        odds: log odds of fake, used by ``PREDICTED`` alone.
        threshold: log odds at or above which the verdict is fake.
    """
    if target is Target.PREDICTED:
        return np.where(odds >= threshold, 1.0, -1.0)
    return np.full(odds.shape, 1.0 if target is Target.FAKE else -1.0)
