"""From logits to calibrated scores, and how well scores mean what they say."""

from typing import Final

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import xlog1py, xlogy

from fauxto.metrics.labels import require_both_classes, require_finite
from fauxto.metrics.score import fake_score as fake_score

TEMPERATURE_RANGE: Final = (0.01, 100.0)
"""Lowest and highest temperature that is ever fitted."""

ECE_BINS: Final = 15
"""Most bins of the expected calibration error and of the reliability diagram."""


def fit_temperature(logits: Float[np.ndarray, "n 2"], labels: Int[np.ndarray, " n"]) -> float:
    """Return the temperature at which scores are best calibrated on validation rows.

    Args:
        logits: the network's outputs in the order real, fake.
        labels: 0 real, 1 fake.

    Returns:
        A number in ``TEMPERATURE_RANGE``; above 1 where the network was too sure.

    Raises:
        DataError: a class is missing, or a logit is not finite.

    Source:
        Guo, Pleiss, Sun and Weinberger 2017, section 4.2. Deviation: the targets are the
        smoothed ones of Platt 1999 (section 2.2), ``1 / (n_real + 2)`` and
        ``(n_fake + 1) / (n_fake + 2)``, since on perfectly separated validation rows the plain
        likelihood has no maximum and scores would all become 0 or 1.
    """
    require_both_classes(labels, what="fitting a temperature")
    require_finite(logits, what="fitting a temperature")
    margin = logits[:, 1].astype(np.float64) - logits[:, 0].astype(np.float64)
    n_fake = int(np.sum(labels == 1))
    n_real = len(labels) - n_fake
    target = np.where(labels == 1, (n_fake + 1) / (n_fake + 2), 1 / (n_real + 2))

    def loss(log_temperature: float) -> float:
        scaled = margin / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0.0, scaled) - target * scaled))

    low, high = np.log(TEMPERATURE_RANGE)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.clip(np.exp(best.x), *TEMPERATURE_RANGE))


def brier_score(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> float:
    """Return the mean squared difference of score and label, in [0, 1]; 0 is perfect."""
    return float(np.mean((scores - labels) ** 2))


def log_loss(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> float:
    """Return the mean negative natural log likelihood; 0 is perfect, ln 2 is a coin's.

    Scores are clipped to ``[1e-15, 1 - 1e-15]``, so that one sure mistake is not infinite.
    """
    clipped = np.clip(scores.astype(np.float64), 1e-15, 1 - 1e-15)
    return float(-np.mean(xlogy(labels, clipped) + xlog1py(1 - labels, -clipped)))


def equal_mass_bins(scores: Float[np.ndarray, " n"], bins: int = ECE_BINS) -> Int[np.ndarray, " n"]:
    """Return for each row the number of its bin, from 0; bins hold about equally many rows.

    Equal scores share a bin, so that the result does not depend on the order of rows; with few
    distinct scores there are fewer bins.
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    return np.searchsorted(edges, scores, side="right")


def expected_calibration_error(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"], bins: int = ECE_BINS
) -> float:
    """Return the mean distance between score and share of fakes over equal-mass bins, in [0, 1].

    Source:
        Naeini, Cooper and Hauskrecht 2015; equal-mass bins after Nguyen and O'Connor 2015.
    """
    number = equal_mass_bins(scores, bins)
    gap = np.bincount(number, weights=scores - labels)
    return float(np.sum(np.abs(gap)) / len(labels))
