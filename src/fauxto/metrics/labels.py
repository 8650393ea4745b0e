"""Checks on the labels and scores that every metric takes."""

import numpy as np
from jaxtyping import Float, Int

from fauxto.core.errors import DataError


def has_both_classes(labels: Int[np.ndarray, " n"]) -> bool:
    """Return whether real (0) and fake (1) both occur."""
    return bool(np.any(labels == 0) and np.any(labels == 1))


def require_both_classes(labels: Int[np.ndarray, " n"], *, what: str) -> None:
    """Check that real and fake both occur.

    Args:
        labels: 0 real, 1 fake.
        what: what is being done, to begin the message with.

    Raises:
        DataError: a class is missing.
    """
    if not has_both_classes(labels):
        real, fake = int(np.sum(labels == 0)), int(np.sum(labels == 1))
        raise DataError(
            f"{what} needs real and fake images, but has {real} real and {fake} fake: "
            "add images of the missing class to this split"
        )


def require_finite(values: Float[np.ndarray, "..."], *, what: str) -> None:
    """Check that no value is NaN or infinite.

    Raises:
        DataError: some value is not a finite number.
    """
    broken = int(np.sum(~np.isfinite(values)))
    if broken:
        raise DataError(f"{what}: {broken} values are not finite numbers; did training diverge?")
