"""Plots of a data set: sizes, shapes and power spectra by class."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from fauxto.core.labels import LABELS, Label
from fauxto.report.style import CLASS_COLOURS, new_figure, new_grid, to_svg

SCATTER_POINTS: Final = 1500
"""Points of each class drawn in a scatter plot; more would only make the page heavy."""

_BINS: Final = 50
_COMMON_ASPECTS: Final = ((2 / 3, "2:3"), (1.0, "1:1"), (3 / 2, "3:2"), (16 / 9, "16:9"))


def size_histograms(images: pl.DataFrame) -> str:
    """Return histograms of width and height by class as SVG.

    Args:
        images: usable images with ``label``, ``width`` and ``height`` in pixels.
    """
    figure, axes = new_grid(1, 2, 9.6, 3.4)
    for axis, side in zip(axes, ("width", "height"), strict=True):
        values = images[side].cast(pl.Float64).to_numpy()
        _histogram(axis, images, values, _log_edges(values))
        axis.set(title=f"{side.capitalize()} by class", xlabel=f"{side} (px)", xscale="log")
        _plain_ticks(axis, values)
    axes[0].set_ylabel("share of the class (%)")
    _legend(axes[1])
    return to_svg(figure, "Histograms of image width and height, real and fake overlaid.")


def aspect_histogram(images: pl.DataFrame) -> str:
    """Return a histogram of width / height by class as SVG, from 1:4 to 4:1.

    Args:
        images: usable images with ``label``, ``width`` and ``height`` in pixels.
    """
    figure, axis = new_figure(6.4, 3.4)
    ratio = (images["width"] / images["height"]).cast(pl.Float64).to_numpy()
    edges = np.geomspace(0.25, 4, _BINS + 2)  # an odd number of bins: 1:1 in the middle of one
    _histogram(axis, images, np.clip(ratio, 0.25, 4), edges)
    axis.set(title="Aspect ratio by class", xlabel="width / height", xscale="log")
    axis.set_ylabel("share of the class (%)")
    axis.set_xticks([0.25, 0.5, *(value for value, _ in _COMMON_ASPECTS), 4])
    axis.set_xticklabels(["1:4", "1:2", *(name for _, name in _COMMON_ASPECTS), "4:1"])
    axis.set_xticks([], minor=True)
    _legend(axis)
    return to_svg(figure, "Histogram of width over height, real and fake overlaid.")


def size_scatter(images: pl.DataFrame, rng: np.random.Generator) -> str:
    """Return width against height as SVG, at most ``SCATTER_POINTS`` random images of each class.

    Args:
        images: usable images with ``label``, ``width`` and ``height`` in pixels.
        rng: chooses the images where there are more.
    """
    figure, axis = new_figure(6.4, 4.4)
    for label in LABELS:
        rows = images.filter(pl.col("label") == label.value)
        if rows.height > SCATTER_POINTS:
            rows = rows[np.sort(rng.choice(rows.height, SCATTER_POINTS, replace=False))]
        axis.scatter(
            rows["width"].to_numpy(),
            rows["height"].to_numpy(),
            s=9,
            alpha=0.4,
            linewidths=0,
            color=CLASS_COLOURS[label],
            label=label.value,
            rasterized=True,
        )
    axis.set(title="Sizes", xlabel="width (px)", ylabel="height (px)", xscale="log", yscale="log")
    _plain_ticks(axis, images["width"].cast(pl.Float64).to_numpy())
    _plain_ticks(axis, images["height"].cast(pl.Float64).to_numpy(), vertical=True)
    _legend(axis)
    return to_svg(figure, "Scatter of width against height, real and fake.")


def class_counts(images: pl.DataFrame) -> str:
    """Return the number of usable images by split and class as SVG.

    Args:
        images: usable images with ``label`` and ``split`` (null where there are no splits).
    """
    splits = [split for split in ("train", "val", "test") if split in images["split"]]
    parts: list[str | None] = [*splits] or [None]
    figure, axis = new_figure(6.4, 0.9 + 0.7 * len(parts))
    for offset, label in zip((-0.2, 0.2), LABELS, strict=True):
        counts = [
            images.filter((pl.col("label") == label.value) & _in_split(part)).height
            for part in parts
        ]
        position = np.arange(len(parts)) + offset
        bars = axis.barh(position, counts, 0.38, color=CLASS_COLOURS[label], label=label.value)
        axis.bar_label(bars, labels=[f"{count:,}" for count in counts], padding=3, color=_ink(axis))
    axis.set_yticks(range(len(parts)), [part or "all" for part in parts])
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.set(title="Usable images by split and class", xlabel="images")
    _legend(axis)
    return to_svg(figure, "Bars: number of images by split and class.")


def power_spectra(spectra: Mapping[Label, Float[np.ndarray, "n h w"]]) -> str:
    """Return the average power spectrum of each class and their difference as SVG.

    Args:
        spectra: power spectra of square crops of each class, centred (zero frequency in the
            middle), one row a picture.

    Source:
        Zhang, Karaman and Chang 2019; Corvi et al. 2023: up-sampling leaves peaks.
    """
    decibels = {label: 10 * np.log10(spectra[label].mean(axis=0) + 1e-12) for label in LABELS}
    figure, axes = new_grid(1, 3, 10.5, 3.5)
    joint = np.concatenate([values.ravel() for values in decibels.values()])
    low, high = np.percentile(joint, (1, 99.8))
    for axis, label in zip(axes, LABELS, strict=False):
        image = _spectrum(axis, decibels[label], "viridis", low, high)
        axis.set_title(f"{label.value.capitalize()} ({len(spectra[label]):,} crops)")
    _colorbar(axes[1], image, "power (dB)")
    difference = decibels[Label.FAKE] - decibels[Label.REAL]
    reach = max(float(np.percentile(np.abs(difference), 99.5)), 0.5)
    image = _spectrum(axes[2], difference, "RdBu_r", -reach, reach)
    axes[2].set_title("Fake minus real")
    _colorbar(axes[2], image, "difference (dB)")
    axes[0].set_ylabel("vertical frequency (cycles/px)")
    return to_svg(figure, "Average power spectra of real and fake crops, and their difference.")


def radial_spectra(spectra: Mapping[Label, Float[np.ndarray, "n h w"]]) -> str:
    """Return power against spatial frequency by class as SVG: mean and middle half of pictures.

    Args:
        spectra: as for ``power_spectra``.
    """
    figure, axis = new_figure(6.4, 3.4)
    for label in LABELS:
        frequency, curves = radial_average(spectra[label])
        decibels = 10 * np.log10(curves + 1e-12)
        low, high = np.percentile(decibels, (25, 75), axis=0)
        axis.fill_between(frequency, low, high, color=CLASS_COLOURS[label], alpha=0.18, linewidth=0)
        axis.plot(frequency, decibels.mean(axis=0), color=CLASS_COLOURS[label], label=label.value)
    axis.set(
        title="Power by frequency, averaged over directions",
        xlabel="spatial frequency (cycles/px)",
        ylabel="power (dB)",
    )
    _legend(axis)
    return to_svg(figure, "Lines: average power against spatial frequency, real and fake.")


def radial_average(
    spectra: Float[np.ndarray, "n s s"],
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "n k"]]:
    """Return spatial frequencies (cycles/px, up to 0.5) and each spectrum's mean in that ring."""
    side = spectra.shape[-1]
    offset = np.arange(side) - side // 2
    ring = np.rint(np.hypot(offset[:, None], offset[None, :])).astype(np.int64)
    inside = (ring > 0) & (ring <= side // 2)
    rings = ring[inside] - 1
    size = np.bincount(rings)
    sums = np.stack([np.bincount(rings, weights=spectrum[inside]) for spectrum in spectra])
    return np.arange(1, side // 2 + 1) / side, sums / size


def _ink(axis: Axes) -> str:
    """Return the colour of axis labels, which the page replaces by its own."""
    return str(axis.xaxis.label.get_color())


def _legend(axis: Axes) -> None:
    axis.legend(frameon=False, labelcolor=_ink(axis))


def _colorbar(axis: Axes, image: AxesImage, label: str) -> None:
    bar = axis.figure.colorbar(image, ax=axis, shrink=0.8)
    bar.set_label(label, color=_ink(axis))
    bar.ax.tick_params(colors=_ink(axis))


def _in_split(split: str | None) -> pl.Expr:
    return pl.lit(value=True) if split is None else pl.col("split") == split


def _histogram(axis: Axes, images: pl.DataFrame, values: np.ndarray, edges: np.ndarray) -> None:
    for label in LABELS:
        of_class = values[(images["label"] == label.value).to_numpy()]
        counts, _ = np.histogram(of_class, edges)
        axis.stairs(
            100 * counts / max(len(of_class), 1),
            edges,
            fill=True,
            alpha=0.45,
            color=CLASS_COLOURS[label],
            label=label.value,
        )


def _log_edges(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.geomspace(low * 0.98, max(high * 1.02, low * 1.1), _BINS + 1)


def _plain_ticks(axis: Axes, values: np.ndarray, *, vertical: bool = False) -> None:
    """Put ticks at powers of two on a logarithmic axis, as whole numbers of pixels."""
    first = math.floor(math.log2(max(float(values.min()), 1)))
    last = math.ceil(math.log2(max(float(values.max()), 2)))
    ticks = [2**exponent for exponent in range(first, last + 1)]
    target = axis.yaxis if vertical else axis.xaxis
    target.set_ticks(ticks, [f"{tick:,}" for tick in ticks], rotation=0 if vertical else 30)
    target.set_ticks([], minor=True)


def _spectrum(
    axis: Axes, values: Float[np.ndarray, "h w"], colours: str, low: float, high: float
) -> AxesImage:
    image = axis.imshow(values, cmap=colours, vmin=low, vmax=high, extent=(-0.5, 0.5, 0.5, -0.5))
    axis.grid(visible=False)
    axis.set_xlabel("horizontal frequency (cycles/px)")
    return image
