"""Which images are worth looking at: confident mistakes and close calls."""

from dataclasses import dataclass

import polars as pl

from fauxto.core.labels import Label


@dataclass(frozen=True)
class Gallery:
    """Predictions to show with their pictures."""

    fakes_called_real: pl.DataFrame
    """Most confident first: the lowest score."""
    reals_called_fake: pl.DataFrame
    """Most confident first: the highest score."""
    least_certain: pl.DataFrame
    """Nearest to the threshold first, right or wrong."""


def choose_gallery(scored: pl.DataFrame, threshold: float, most: int = 24) -> Gallery:
    """Return the images to look at.

    Args:
        scored: predictions without error.
        threshold: score at or above which an image was called fake.
        most: images of each kind.
    """
    missed = scored.filter((pl.col("label") == Label.FAKE) & (pl.col("score") < threshold))
    accused = scored.filter((pl.col("label") == Label.REAL) & (pl.col("score") >= threshold))
    near = scored.with_columns(distance=(pl.col("score") - threshold).abs())
    return Gallery(
        fakes_called_real=missed.sort("score", "path").head(most),
        reals_called_fake=accused.sort("score", "path", descending=[True, False]).head(most),
        least_certain=near.sort("distance", "path").head(most // 2).drop("distance"),
    )
