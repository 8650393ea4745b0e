"""What an explanation is asked for: the side of the decision whose evidence is shown."""

from enum import StrEnum

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn


class Target(StrEnum):
    """Whose evidence a map shows.

    A network's two logits only matter through their difference, so that is what is explained:
    the log odds of fake, before temperature. A single logit could rise on an image without the
    score moving.
    """

    FAKE = "fake"
    """What raises the log odds of fake; one question for all images."""
    REAL = "real"
    """What lowers them."""
    PREDICTED = "predicted"
    """What speaks for the side the network took (the report's way)."""


def log_odds(module: nn.Module, inputs: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
    """Return the log odds of fake: positive where the network leans to fake."""
    logits = module(inputs)
    return logits[:, 1] - logits[:, 0]


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
