"""Plots of one evaluation."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from fauxto.core.labels import Label
from fauxto.metrics.calibration import equal_mass_bins
from fauxto.metrics.confusion import Confusion
from fauxto.metrics.ranking import Thresholds
from fauxto.metrics.summary import Disturbance, Slice
from fauxto.report.style import (
    CLASS_COLOURS,
    HEAT_COLOURS,
    SERIES_COLOURS,
    new_figure,
    new_grid,
    to_svg,
)

MOST_POINTS: Final = 400
"""Points of a curve that are drawn; the shape stays, the page stays small."""


def thin_out(count: int) -> Int[np.ndarray, " p"]:
    """Return positions along a curve to draw: all of them, or ``MOST_POINTS`` spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.int64))


def add_legend(axis: Axes, place: str) -> None:
    """Add a legend without frame whose text, like that of the axes, follows the page's ink."""
    axis.legend(loc=place, frameon=False, labelcolor=axis.title.get_color())


def draw_confusion(axis: Axes, confusion: Confusion, title: str) -> None:
    """Draw a confusion matrix: counts, and the share of each true class as colour and number."""
    counts = np.array([[confusion.tp, confusion.fn], [confusion.fp, confusion.tn]])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap=HEAT_COLOURS, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(2, 2):
        share = shares[row, column]
        axis.text(
            column,
            row,
            f"{counts[row, column]:,}\n{share:.1%}",
            ha="center",
            va="center",
            # Not black: the page turns black text into its own ink, light in the dark.
            color="#101418" if share > 0.5 else "white",
            fontsize=12,
        )
    names = [str(Label.FAKE), str(Label.REAL)]
    axis.set_xticks([0, 1], names)
    axis.set_yticks([0, 1], names)
    axis.set(xlabel="called", ylabel="is", title=title)
    axis.grid(visible=False)


def plot_confusion(confusion: Confusion) -> str:
    """Return the confusion matrix as SVG."""
    figure, axis = new_figure(4.8, 3.6)
    draw_confusion(axis, confusion, "Confusion matrix (images, share of the true class)")
    return to_svg(
        figure,
        f"Confusion matrix: {confusion.tp} fakes called fake, {confusion.fn} fakes called real, "
        f"{confusion.fp} reals called fake, {confusion.tn} reals called real.",
    )


def _shares(axis: Axes, *, x: str, y: str, title: str) -> None:
    axis.set(xlabel=x, ylabel=y, title=title, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.yaxis.set_major_formatter(PercentFormatter(1))


def plot_roc(curve: Thresholds, confusion: Confusion, auc: float) -> str:
    """Return the ROC curve with the operating point as SVG."""
    figure, axis = new_figure(4.8, 3.6)
    points = thin_out(len(curve.threshold))
    axis.plot([0, 1], [0, 1], color=SERIES_COLOURS[5], linestyle=":", label="guessing")
    axis.plot(
        curve.fpr[points], curve.tpr[points], color=SERIES_COLOURS[0], label=f"area {auc:.4f}"
    )
    axis.plot(
        [confusion.fp / max(confusion.fp + confusion.tn, 1)],
        [confusion.tp / max(confusion.tp + confusion.fn, 1)],
        "o",
        color=SERIES_COLOURS[1],
        label="at the threshold",
    )
    _shares(axis, x="reals called fake (%)", y="fakes called fake (%)", title="ROC curve")
    add_legend(axis, "lower right")
    return to_svg(figure, f"ROC curve with an area of {auc:.4f}.")


def plot_precision_recall(curve: Thresholds, average_precision: float) -> str:
    """Return the precision-recall curve of fakes as SVG."""
    figure, axis = new_figure(4.8, 3.6)
    points = thin_out(len(curve.threshold))
    axis.axhline(
        curve.tp[-1] / (curve.tp[-1] + curve.fp[-1]),
        color=SERIES_COLOURS[5],
        linestyle=":",
        label="guessing",
    )
    axis.plot(
        curve.tpr[points],
        curve.precision[points],
        color=SERIES_COLOURS[0],
        label=f"average precision {average_precision:.4f}",
        drawstyle="steps-pre",
    )
    _shares(axis, x="fakes found: recall (%)", y="found are fake: precision (%)",
            title="Precision and recall of fakes")  # fmt: skip
    add_legend(axis, "lower left")
    return to_svg(figure, f"Precision-recall curve, average precision {average_precision:.4f}.")


def plot_scores(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    threshold: float,
    band: tuple[float, float] | None,
) -> str:
    """Return the histogram of scores by class, with threshold and unsure band, as SVG."""
    figure, axes = new_grid(2, 1, 6.4, 3.8)
    edges = [index / 40 for index in range(41)]
    for axis, label in zip(axes, (Label.REAL, Label.FAKE), strict=True):
        chosen = scores[labels == label.number]
        axis.hist(chosen, bins=edges, color=CLASS_COLOURS[label])
        if band is not None:
            axis.axvspan(*band, color=SERIES_COLOURS[4], alpha=0.25, label="unsure band")
        axis.axvline(threshold, color=SERIES_COLOURS[2], linewidth=2, label="threshold")
        axis.set(title=f"{label}: {len(chosen):,} images", ylabel="images", xlim=(0, 1))
    add_legend(axes[0], "upper right")
    axes[1].set_xlabel("score (0 real, 1 fake)")
    return to_svg(figure, "Histograms of the scores of real and of fake images.")


def plot_reliability(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> str:
    """Return the reliability diagram over bins of equally many images as SVG."""
    figure, axis = new_figure(4.8, 3.6)
    number = equal_mass_bins(scores)
    count = np.bincount(number)
    used = count > 0
    mean = np.bincount(number, weights=scores)[used] / count[used]
    share = np.bincount(number, weights=labels)[used] / count[used]
    axis.plot([0, 1], [0, 1], color=SERIES_COLOURS[5], linestyle=":", label="perfectly calibrated")
    axis.plot(mean, share, "o-", color=SERIES_COLOURS[0], label="this model")
    _shares(axis, x="mean score of a bin (%)", y="share of fakes in it (%)",
            title="Reliability: does a score mean what it says?")  # fmt: skip
    add_legend(axis, "upper left")
    return to_svg(figure, "Reliability diagram: share of fakes against mean score.")


def plot_slices(slices: Sequence[Slice]) -> str:
    """Return the accuracy of slices with intervals as SVG, worst at the top."""
    figure, axis = new_figure(6.4, 1.1 + 0.3 * len(slices))
    rows = np.arange(len(slices))[::-1]
    for row, part in zip(rows, slices, strict=True):
        axis.plot(part.interval, [row, row], color=SERIES_COLOURS[0], linewidth=2, alpha=0.5)
    axis.plot([part.accuracy for part in slices], rows, "o", color=SERIES_COLOURS[0])
    axis.set_yticks(
        rows, [f"{part.by}: {_shorten(part.value, 26)} ({part.n:,})" for part in slices]
    )
    axis.set(
        xlabel="accuracy (%), line: 95 % interval", title="Slices, worst first", xlim=(0, 1.02)
    )
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="x", alpha=0.18)
    return to_svg(figure, "Accuracy of each slice with its interval.")


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def plot_robustness(rows: Sequence[Disturbance], clean_accuracy: float) -> list[str]:
    """Return accuracy and flips against strength as SVG, one plot a disturbance."""
    plots = []
    for name in dict.fromkeys(row.disturbance for row in rows):
        chosen = sorted((row for row in rows if row.disturbance == name), key=lambda r: r.strength)
        figure, axis = new_figure(3.4, 2.4)
        _draw_robustness(axis, chosen, clean_accuracy)
        axis.set_title(name)
        plots.append(to_svg(figure, f"Accuracy and flipped verdicts by strength: {name}."))
    return plots


def _draw_robustness(axis: Axes, rows: Sequence[Disturbance], clean_accuracy: float) -> None:
    strengths = [row.strength for row in rows]
    axis.axhline(clean_accuracy, color=SERIES_COLOURS[5], linestyle=":", label="undisturbed")
    axis.plot(
        strengths, [row.accuracy for row in rows], "o-", color=SERIES_COLOURS[0], label="accuracy"
    )
    axis.plot(
        strengths,
        [row.flip_rate for row in rows],
        "s--",
        color=SERIES_COLOURS[1],
        label="flipped verdicts",
    )
    axis.set(xlabel="strength", ylim=(-0.02, 1.02), xticks=strengths)
    axis.yaxis.set_major_formatter(PercentFormatter(1))


def plot_seen_and_unseen(
    rows: Sequence[tuple[str, float | None, tuple[float, float] | None, float | None]],
) -> str:
    """Return ROC-AUC of each value, never seen and seen, as SVG; the first at the top.

    Args:
        rows: name; ROC-AUC where it was withheld and its interval; ROC-AUC where it was seen.
    """
    figure, axis = new_figure(6.4, 1.3 + 0.3 * len(rows))
    height = np.arange(len(rows))[::-1]
    for y, (_, unseen, interval, seen) in zip(height, rows, strict=True):
        if interval is not None:
            axis.plot(interval, [y, y], color=SERIES_COLOURS[1], linewidth=2, alpha=0.5)
        if unseen is not None and seen is not None:
            axis.plot([unseen, seen], [y, y], color=SERIES_COLOURS[5], linestyle=":")
    kinds = (("never seen", 1, SERIES_COLOURS[1], "o"), ("seen", 3, SERIES_COLOURS[0], "D"))
    for label, column, colour, marker in kinds:
        points = [(row[column], y) for y, row in zip(height, rows, strict=True)]
        known = [(x, y) for x, y in points if x is not None]
        if known:
            xs, ys = zip(*known, strict=True)
            axis.plot(xs, ys, marker, color=colour, label=label)
    axis.axvline(0.5, color=SERIES_COLOURS[5], linewidth=1)
    axis.set_yticks(height, [_shorten(row[0], 30) for row in rows])
    axis.set(xlabel="ROC-AUC (0.5: chance), line: 95 % interval", title="Seen and never seen")
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.grid(axis="x", alpha=0.18)
    ink = axis.title.get_color()
    above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0 + 0.9 / (len(rows) + 1))}
    axis.legend(**above, ncols=2, frameon=False, labelcolor=ink)
    return to_svg(figure, "ROC-AUC of each value where it was withheld and where it was seen.")
