"""From logits to a score; NumPy alone, so that a verdict needs nothing more."""

import numpy as np
from jaxtyping import Float


def fake_score(
    logits: Float[np.ndarray, "n 2"], temperature: float = 1.0
) -> Float[np.ndarray, " n"]:
    """Return scores in [0, 1]; 1 is fake.

    Args:
        logits: the network's outputs in the order real, fake.
        temperature: positive; logits are divided by it before the softmax.
    """
    margin = logits[:, 1].astype(np.float64) - logits[:, 0].astype(np.float64)
    return np.exp(-np.logaddexp(0.0, -margin / temperature))
