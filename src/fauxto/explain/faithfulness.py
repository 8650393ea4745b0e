"""Whether a map can be believed: remove what it marks, or show only that, and watch the score.

The pixels a faithful map marks are those the verdict needs: without them the score of the
explained side falls fast (deletion), with only them it rises fast (insertion). Both are compared
with two maps that know nothing of the network: random blobs and a bright centre.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32
from scipy.integrate import trapezoid
from scipy.ndimage import gaussian_filter, zoom

STEPS: Final = 10
"""Equal shares of the pixels that are removed or shown one after another."""

RANDOM_CELLS: Final = 7
"""Cells along a side of a random map, about as coarse as class activation maps are."""

RESAMPLES: Final = 2000
"""Bootstrap resamples behind an interval of 95 %."""

Scorer = Callable[[Float32[np.ndarray, "n 3 h w"]], Float[np.ndarray, " n"]]
"""Images ``(n, 3, h, w)`` to the score of the explained side ``(n,)`` in [0, 1]."""


def centre_prior(height: int, width: int) -> Float[np.ndarray, "h w"]:
    """Return a map that is 1 in the middle and falls off as a bell: where things usually are."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / 0.5)


def random_map(height: int, width: int, rng: np.random.Generator) -> Float[np.ndarray, "h w"]:
    """Return a map of random blobs in [0, 1]."""
    cells = rng.random((RANDOM_CELLS, RANDOM_CELLS))
    smooth = zoom(cells, (height / RANDOM_CELLS, width / RANDOM_CELLS), order=1, grid_mode=True,
                  mode="nearest")  # fmt: skip
    return np.clip(smooth, 0.0, 1.0).astype(np.float32)


def blurred(image: Float32[np.ndarray, "3 h w"]) -> Float32[np.ndarray, "3 h w"]:
    """Return an image without detail: the blur's deviation is a tenth of the short side."""
    sigma = min(image.shape[-2:]) / 10
    return gaussian_filter(image, sigma=(0, sigma, sigma), truncate=3)


@dataclass(frozen=True)
class Curves:
    """Scores of the explained side while one image's pixels are removed or shown."""

    deletion: Float[np.ndarray, " points"]
    """From the whole image (first) to the mean colour (last), hottest pixels removed first."""
    insertion: Float[np.ndarray, " points"]
    """From the blur (first) to the whole image (last), hottest pixels shown first."""

    @property
    def deletion_area(self) -> float:
        """Return the area under the deletion curve, in [0, 1]; smaller is more faithful."""
        return _area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Return the area under the insertion curve, in [0, 1]; larger is more faithful."""
        return _area(self.insertion)

    @property
    def gain(self) -> float:
        """Return insertion area minus deletion area, in [−1, 1]; larger is more faithful."""
        return self.insertion_area - self.deletion_area


def _area(curve: Float[np.ndarray, " points"]) -> float:
    return float(trapezoid(curve, dx=1 / (len(curve) - 1)))


def trace_curves(
    score: Scorer, image: Float32[np.ndarray, "3 h w"], heat: Float[np.ndarray, "h w"]
) -> Curves:
    """Return the deletion and insertion curves of one map.

    Args:
        score: the network's score of the explained side.
        image: normalised image.
        heat: map of the image's size; equal values are removed from the middle outwards, so that
            a blank map counts as a centre prior, not as reading order.

    Source:
        Petsiuk, Das and Saenko 2018, "RISE", section 4.3: deletion to a constant colour, insertion
        into a blur. So one curve asks about colour and detail, the other about detail alone.
    """
    height, width = heat.shape
    middle = centre_prior(height, width).ravel()
    order = np.lexsort((-middle, -heat.ravel()))
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    limits = np.linspace(0, order.size, STEPS + 1).round()
    chosen = rank.reshape(1, 1, height, width) < limits[:, None, None, None]
    without = np.where(chosen, np.float32(0), image)
    only = np.where(chosen[:-1], image, blurred(image))
    scores = score(np.concatenate([without, only]))
    deletion, shown = scores[: STEPS + 1], scores[STEPS + 1 :]
    insertion = np.concatenate([shown, deletion[:1]])  # all shown is nothing removed
    return Curves(deletion=deletion, insertion=insertion)


@dataclass(frozen=True)
class Estimate:
    """A mean over images and its 95 % interval."""

    mean: float
    low: float
    high: float


def estimate_mean(values: Float[np.ndarray, " n"], seed: int) -> Estimate:
    """Return the mean with a percentile bootstrap interval over images."""
    low, high = _bootstrap(values, seed)
    return Estimate(float(values.mean()), float(low), float(high))


def _bootstrap(values: Float[np.ndarray, "n ..."], seed: int) -> Float[np.ndarray, "2 ..."]:
    """Return the lower and the upper end of the interval of the mean over images."""
    rng = np.random.default_rng(seed)
    count = len(values)
    weights = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES) / count
    return np.quantile(weights @ values, [0.025, 0.975], axis=0)


@dataclass(frozen=True)
class CurveSummary:
    """What the curves of one kind of map are over images, with 95 % intervals."""

    mean: Curves
    low: Curves
    """Lower ends of the intervals, point by point."""
    high: Curves
    deletion_area: Estimate
    insertion_area: Estimate
    gain: Estimate


def _summarise(curves: Sequence[Curves], seed: int) -> CurveSummary:
    deletions = np.stack([curve.deletion for curve in curves])
    insertions = np.stack([curve.insertion for curve in curves])
    deletion_ends, insertion_ends = _bootstrap(deletions, seed), _bootstrap(insertions, seed)
    return CurveSummary(
        mean=Curves(deletions.mean(axis=0), insertions.mean(axis=0)),
        low=Curves(deletion_ends[0], insertion_ends[0]),
        high=Curves(deletion_ends[1], insertion_ends[1]),
        deletion_area=estimate_mean(np.array([c.deletion_area for c in curves]), seed),
        insertion_area=estimate_mean(np.array([c.insertion_area for c in curves]), seed),
        gain=estimate_mean(np.array([c.gain for c in curves]), seed),
    )


@dataclass(frozen=True)
class Faithfulness:
    """What deletion and insertion say of one method on one network."""

    images: int
    curves: Mapping[str, CurveSummary]
    """Of the ``map``, of ``random`` and of ``centre``."""
    over_random: Estimate
    """How much larger the map's gain is than that of random blobs, image by image."""
    over_centre: Estimate
    """How much larger it is than that of a bright centre."""

    @property
    def gain(self) -> Estimate:
        """Return insertion minus deletion area of the map."""
        return self.curves["map"].gain

    @property
    def is_informative(self) -> bool:
        """Return whether the map is surely better than a bright centre and than random blobs."""
        return self.over_centre.low > 0 and self.over_random.low > 0


def summarise_curves(per_image: Sequence[Mapping[str, Curves]], seed: int) -> Faithfulness:
    """Return the summary over images.

    Args:
        per_image: curves of ``map``, ``random`` and ``centre`` for each image; at least one.
        seed: of the bootstrap.
    """
    gains = {name: np.array([curves[name].gain for curves in per_image]) for name in per_image[0]}
    return Faithfulness(
        images=len(per_image),
        curves={name: _summarise([curves[name] for curves in per_image], seed) for name in gains},
        over_random=estimate_mean(gains["map"] - gains["random"], seed),
        over_centre=estimate_mean(gains["map"] - gains["centre"], seed),
    )
