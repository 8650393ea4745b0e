"""Parts of a test set on which the verdicts are looked at apart."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from fauxto.data.table import PREDICTION_SCHEMA
from fauxto.evaluate.predictions import FACTS
from fauxto.metrics.summary import Slice, slice_accuracy, sort_worst_first

MOST_VALUES: Final = 50
"""Columns of a foreign table with more distinct values than this are not a way to part images."""

FEW_NUMBERS: Final = 12
"""Numbers with more distinct values than this are parted into quarters, others by value."""

QUARTERED: Final = ("brightness", "contrast", "sharpness", "saturation")
"""Facts of the picture by whose quarters images are parted."""

SIZES_PX: Final = (256, 512, 1024, 2048)
"""Limits of the shorter side, in pixels, between the size slices."""

QUALITIES: Final = (70, 85, 95)
"""Limits of the JPEG quality between the quality slices."""


def measure_slices(
    scored: pl.DataFrame, labels: Int[np.ndarray, " n"], called_fake: Bool[np.ndarray, " n"]
) -> tuple[Slice, ...]:
    """Return slices by every column that parts the images, worst first.

    Args:
        scored: predictions without error.
        labels: of the same rows, 0 real, 1 fake.
        called_fake: whether the verdict by the threshold is fake.
    """
    groups = scored["group"].to_list()
    slices: list[Slice] = []
    for by, values in part_images(scored).items():
        slices += slice_accuracy(labels, called_fake, by=by, values=values, groups=groups)
    return sort_worst_first(slices)


def part_images(scored: pl.DataFrame) -> dict[str, list[str | None]]:
    """Return for each way to part the images the part of each row; None where it is not known."""
    further = [name for name in scored.columns if name not in (*PREDICTION_SCHEMA, *FACTS)]
    numeric = [
        name
        for name in (*QUARTERED, *further)
        if name in scored.columns
        and scored.schema[name].is_numeric()
        and scored[name].n_unique() > FEW_NUMBERS
    ]
    extra = [
        name
        for name in further
        if name not in numeric and 1 < scored[name].n_unique() <= MOST_VALUES
    ]
    parts = {
        name: scored[name].cast(pl.String).to_list()
        for name in ("source", "generator", "format", *extra)
        if name in scored.columns
    }
    derived: dict[str, tuple[tuple[str, ...], Callable[..., str]]] = {
        "size": (("width", "height"), _name_size),
        "aspect": (("width", "height"), _name_aspect),
        "jpeg quality": (("jpeg_quality",), _name_quality),
    }
    for by, (columns, name) in derived.items():
        if set(columns) <= set(scored.columns):
            parts[by] = [
                None if None in row else name(*row) for row in scored.select(columns).iter_rows()
            ]
    parts |= {name: _name_quarters(scored[name]) for name in numeric}
    return {by: values for by, values in parts.items() if any(v is not None for v in values)}


def _name_quarters(numbers: pl.Series) -> list[str | None]:
    """Return for each number which quarter of the images it lies in, with its limits."""
    values = numbers.cast(pl.Float64).to_numpy()
    known = np.isfinite(values)
    limits = np.unique(np.quantile(values[known], [0.25, 0.5, 0.75]))
    ends = [f"{limit:,.0f}" if abs(limit) >= 100 else f"{limit:.3g}" for limit in limits]
    names = [
        f"under {ends[0]}",
        *(f"{low} to {high}" for low, high in pairwise(ends)),
        f"{ends[-1]} and more",
    ]
    position = np.searchsorted(limits, values, side="right")
    return [names[at] if is_known else None for at, is_known in zip(position, known, strict=True)]


def _name_range(number: int, limits: tuple[int, ...], unit: str) -> str:
    index = int(np.searchsorted(limits, number, side="right"))
    if index == 0:
        return f"under {limits[0]}{unit}"
    if index == len(limits):
        return f"{limits[-1]}{unit} and more"
    return f"{limits[index - 1]} to {limits[index] - 1}{unit}"


def _name_size(width: int, height: int) -> str:
    return _name_range(min(width, height), SIZES_PX, " px")


def _name_aspect(width: int, height: int) -> str:
    if width == height:
        return "square"
    return "landscape" if width > height else "portrait"


def _name_quality(quality: int) -> str:
    return _name_range(quality, QUALITIES, "")
