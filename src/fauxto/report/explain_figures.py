"""Figures of explanations: the side-by-side picture, and deletion and insertion curves."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import rc_context
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap

from fauxto.imaging.overlay import colour_map
from fauxto.report.style import SERIES_COLOURS, new_figure, new_grid, to_svg

_PANEL_IN: Final = 2.3
_CAPTION_IN: Final = 0.5
_DPI: Final = 120

_LINES: Final = (
    ("map", "this map", SERIES_COLOURS[0], "-"),
    ("centre", "bright centre", SERIES_COLOURS[4], "--"),
    ("random", "random blobs", SERIES_COLOURS[3], ":"),
)


@dataclass(frozen=True)
class Panel:
    """One picture of the side-by-side figure."""

    rgb: UInt8[np.ndarray, "h w 3"] | None
    """None leaves the place empty."""
    caption: str


def draw_side_by_side(columns: Sequence[str], rows: Sequence[Sequence[Panel]]) -> bytes:
    """Return the report's figure as a PNG file: one row an image, one column a model.

    Args:
        columns: headings.
        rows: panels of each image, as many as ``columns``.
    """
    width = _PANEL_IN * len(columns)
    height = (_PANEL_IN + _CAPTION_IN) * len(rows) + 0.9
    figure, axes = new_grid(len(rows), len(columns), width, height)
    for place, axis in enumerate(axes):
        row, column = divmod(place, len(columns))
        panel = rows[row][column]
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        if row == 0:
            axis.set_title(columns[column], fontsize=10, fontweight="bold")
        if panel.rgb is not None:
            axis.imshow(panel.rgb)
            axis.set_xlabel(panel.caption, fontsize=8)
        else:
            axis.set(facecolor="#eeeeee", box_aspect=1)
            axis.patch.set_alpha(1)
            axis.text(0.5, 0.5, panel.caption, fontsize=8, ha="center", va="center")
    colours = colour_map(np.linspace(0, 1, 256)[None])[0]
    scale = ScalarMappable(cmap=LinearSegmentedColormap.from_list("heat", colours / 255))
    bar = figure.colorbar(
        scale, ax=axes, location="bottom", shrink=min(1.0, 4 / width), aspect=30, pad=0.02
    )
    bar.set_ticks([0, 1], labels=["nothing", "strongest of this picture"])
    bar.outline.set_visible(False)
    figure.patch.set_alpha(1)
    buffer = io.BytesIO()
    with rc_context({"savefig.dpi": _DPI}):
        figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def plot_faithfulness(
    title: str,
    deletion: Mapping[str, Float[np.ndarray, "3 points"]],
    insertion: Mapping[str, Float[np.ndarray, "3 points"]],
) -> str:
    """Return deletion and insertion curves as inline SVG.

    Args:
        title: network and method.
        deletion: score of the explained side after removal, for ``map``, ``centre``, ``random``:
            mean over images, lower and upper end of its interval.
        insertion: the same after showing.
    """
    figure, axes = new_grid(1, 2, 6.4, 3.0)
    parts = (
        (axes[0], deletion, "Hottest pixels removed", "pixels removed (%)"),
        (axes[1], insertion, "Hottest pixels shown", "pixels shown (%)"),
    )
    for axis, curves, heading, label in parts:
        for name, text, colour, style in _LINES:
            mean, low, high = curves[name]
            percent = np.linspace(0, 100, len(mean))
            if name == "map":  # three bands would hide the lines
                axis.fill_between(percent, low, high, color=colour, alpha=0.15, lw=0)
            axis.plot(percent, mean, style, color=colour, label=text, lw=1.8)
        axis.set(title=heading, xlabel=label, ylim=(0, 1.02))
    axes[0].set_ylabel("score of the explained side")
    axes[0].legend(fontsize=8, frameon=False, labelcolor=axes[0].xaxis.label.get_color())
    return to_svg(
        figure, f"{title}: mean score while the map's hottest pixels are removed, or shown alone."
    )


def plot_sanity(title: str, methods: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    """Return how alike maps stay while layers are destroyed, as inline SVG.

    Args:
        title: the network.
        methods: shares of the layers destroyed and rank agreements, by the method's title.
    """
    figure, axis = new_figure(6.4, 3.6)
    for number, (name, (shares, agreements)) in enumerate(methods.items()):
        colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
        style = "-" if number < len(SERIES_COLOURS) else ":"
        percent = [0.0, *(100 * share for share in shares)]
        axis.plot(
            percent, [1.0, *agreements], style, marker="o", ms=3, color=colour, label=name, lw=1.5
        )
    axis.set(
        xlabel="layers destroyed, from the output backwards (%)",
        ylabel="rank correlation with the maps",
        ylim=(min(-0.1, *(min(agreements) - 0.05 for _, agreements in methods.values())), 1.05),
    )
    figure.legend(
        loc="outside right upper",
        fontsize=8,
        frameon=False,
        labelcolor=axis.xaxis.label.get_color(),
    )
    return to_svg(figure, f"{title}: how alike the maps stay while layers are destroyed.")
