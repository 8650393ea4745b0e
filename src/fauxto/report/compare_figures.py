"""Plots of several models on the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from fauxto.core.labels import Label
from fauxto.metrics.confusion import Confusion
from fauxto.metrics.ranking import Thresholds
from fauxto.report.evaluate_figures import add_legend, draw_confusion, thin_out
from fauxto.report.style import CLASS_COLOURS, SERIES_COLOURS, new_figure, new_grid, to_svg


@dataclass(frozen=True)
class ModelPoint:
    """What the plots of a comparison need of a model."""

    name: str
    accuracy: float
    interval: tuple[float, float] | None
    confusion: Confusion


def plot_accuracies(points: Sequence[ModelPoint]) -> str:
    """Return accuracy with interval for each model as SVG, in the given order from the top."""
    figure, axis = new_figure(6.4, 1.2 + 0.42 * len(points))
    rows = np.arange(len(points))[::-1]
    for row, point in zip(rows, points, strict=True):
        if point.interval is not None:
            axis.plot(point.interval, [row, row], color=SERIES_COLOURS[0], linewidth=3, alpha=0.5)
    axis.plot([point.accuracy for point in points], rows, "o", color=SERIES_COLOURS[0])
    axis.set_yticks(rows, [point.name for point in points])
    axis.set(xlabel="accuracy (%), line: 95 % interval", title="Accuracy")
    axis.set_ylim(-0.6, len(points) - 0.4)
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="x", alpha=0.18)
    return to_svg(figure, "Accuracy of each model with its 95 % interval.")


def plot_pareto(
    points: Sequence[ModelPoint], costs: Sequence[float], front: Sequence[bool], cost_label: str
) -> str:
    """Return accuracy against cost as SVG, with the models that no other beats in both joined.

    Args:
        points: the models.
        costs: of each model, positive; the less the better.
        front: whether no other model is at least as accurate and as cheap, and better in one.
        cost_label: what the cost is, with its unit.
    """
    figure, axis = new_figure(6.4, 4.2)
    styles: dict[bool, dict[str, Any]] = {
        True: {"color": SERIES_COLOURS[0], "marker": "o", "markersize": 8},
        False: {"color": SERIES_COLOURS[1], "marker": "s", "markerfacecolor": "none"},
    }
    ordered = sorted(zip(costs, points, front, strict=True), key=lambda item: item[0])
    for index, (cost, point, best) in enumerate(ordered):
        if point.interval is not None:
            axis.plot(
                [cost, cost], point.interval, color=styles[best]["color"], linewidth=3, alpha=0.4
            )
        axis.plot([cost], [point.accuracy], linestyle="none", **styles[best])
        # Neighbours have their names on different sides, so that they do not cover each other.
        offset, side = ((7, -12), "left") if index % 2 else ((-7, 5), "right")
        axis.annotate(
            point.name, (cost, point.accuracy), offset, textcoords="offset points", ha=side
        )
    best_points = [(cost, point.accuracy) for cost, point, best in ordered if best]
    axis.plot(*zip(*best_points, strict=True), color=SERIES_COLOURS[0], linestyle="--")
    if max(costs) > 5 * min(costs):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set(xlabel=cost_label, ylabel="accuracy (%), line: 95 % interval",
             title="Accuracy against cost")  # fmt: skip
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.margins(x=0.3, y=0.12)
    axis.plot([], [], label="on the front", linestyle="--", **styles[True])
    if not all(front):
        axis.plot([], [], label="another is better", linestyle="none", **styles[False])
    _add_legend_below(figure, axis)
    names = [point.name for point, best in zip(points, front, strict=True) if best]
    return to_svg(figure, f"Accuracy against cost; on the front: {', '.join(names)}.")


def _add_legend_below(figure: Figure, axis: Axes) -> None:
    """Add a legend where it covers nothing that is drawn."""
    figure.legend(
        loc="outside lower center", ncols=2, frameon=False, labelcolor=axis.title.get_color()
    )


def plot_errors(points: Sequence[ModelPoint]) -> str:
    """Return both kinds of mistake of each model as SVG."""
    figure, axis = new_figure(6.4, 1.4 + 0.5 * len(points))
    rows = np.arange(len(points))[::-1]
    kinds = (
        (Label.FAKE, 0.2, [point.confusion.fn for point in points], "fakes called real"),
        (Label.REAL, -0.2, [point.confusion.fp for point in points], "reals called fake"),
    )
    for label, offset, counts, text in kinds:
        bars = axis.barh(rows + offset, counts, 0.38, color=CLASS_COLOURS[label], label=text)
        axis.bar_label(bars, padding=3, color=axis.title.get_color())
    axis.set_yticks(rows, [point.name for point in points])
    axis.set(xlabel="images", title="Mistakes")
    axis.margins(x=0.12)
    _add_legend_below(figure, axis)
    return to_svg(figure, "False negatives and false positives of each model.")


def plot_rocs(curves: Mapping[str, Thresholds]) -> str:
    """Return the ROC curves of all models in one plot as SVG."""
    figure, axis = new_figure(5.4, 4.2)
    styles = ("-", "--", "-.", ":")
    for index, (name, curve) in enumerate(curves.items()):
        points = thin_out(len(curve.threshold))
        axis.plot(
            curve.fpr[points],
            curve.tpr[points],
            color=SERIES_COLOURS[index % len(SERIES_COLOURS)],
            linestyle=styles[index // len(SERIES_COLOURS) % len(styles)],
            label=name,
        )
    axis.set(
        xlabel="reals called fake (%)",
        ylabel="fakes called fake (%)",
        title="ROC curves",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.02),
    )
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    add_legend(axis, "lower right")
    return to_svg(figure, "ROC curves of all models.")


def plot_confusions(points: Sequence[ModelPoint]) -> list[str]:
    """Return one confusion matrix for each model as SVG, to be laid side by side."""
    plots = []
    for point in points:
        figure, axes = new_grid(1, 1, 3.6, 3.0)
        draw_confusion(axes[0], point.confusion, point.name)
        c = point.confusion
        plots.append(
            to_svg(
                figure,
                f"{point.name}: {c.tp} fakes called fake, {c.fn} called real; "
                f"{c.fp} reals called fake, {c.tn} called real.",
            )
        )
    return plots
