"""Plots of training: loss and accuracy by epoch."""

import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fauxto.report.style import SERIES_COLOURS, new_grid, to_svg, to_svg_file

_WIDTH_IN = 8.4
_HEIGHT_IN = 3.2


def training_curves(history: pl.DataFrame) -> str:
    """Return loss and accuracy of training and validation by epoch, as inline SVG.

    Args:
        history: ``history.csv``, one row an epoch.
    """
    return to_svg(
        _draw(history),
        f"Loss and accuracy over {history.height} epochs; "
        f"validation loss is lowest in epoch {_best_epoch(history)}",
    )


def training_curves_file(history: pl.DataFrame) -> str:
    """Return the same plot as the text of ``curves.svg``."""
    return to_svg_file(_draw(history))


def _best_epoch(history: pl.DataFrame) -> int:
    return int(history.sort("val_loss", "epoch")["epoch"][0])


def _draw(history: pl.DataFrame) -> Figure:
    figure, (loss, accuracy) = new_grid(1, 2, _WIDTH_IN, _HEIGHT_IN)
    best = _best_epoch(history)
    epochs = history["epoch"].to_numpy()
    for axis, name, scale, unit in (
        (loss, "loss", 1, "cross entropy"),
        (accuracy, "accuracy", 100, "%"),
    ):
        for split, colour, marker in (
            ("train", SERIES_COLOURS[0], "o"),
            ("val", SERIES_COLOURS[1], "s"),
        ):
            axis.plot(
                epochs,
                history[f"{split}_{name}"].to_numpy() * scale,
                color=colour,
                marker=marker,
                markersize=4,
                label={"train": "training", "val": "validation"}[split],
            )
        axis.axvline(best, color="#8a8a8a", linestyle=":", label=f"best epoch ({best})")
        axis.set_title(name.capitalize())
        axis.set_xlabel("epoch")
        axis.set_ylabel(f"{name} ({unit})")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    loss.legend(frameon=False)
    return figure
