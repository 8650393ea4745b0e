"""How every plot looks: one palette, units on axes, inline SVG that follows the page's colours."""

import io
import re
from typing import Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from fauxto.core.labels import Label

CLASS_COLOURS: Final = {Label.REAL: "#0072b2", Label.FAKE: "#d55e00"}
"""Blue and vermillion of Okabe and Ito (2008): distinct with every common colour blindness."""

SERIES_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of lines that are not classes, in this order."""

HEAT_COLOURS: Final = "viridis"
"""Perceptually uniform colour map for heat maps and matrices."""

_INK: Final = "#123457"  # replaced by the page's text colour
_RC: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fauxto",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.alpha": 0.18,
    "legend.frameon": False,
}
for _key in (
    "text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color",
    "ytick.color", "grid.color",
):  # fmt: skip
    _RC[_key] = _INK


def new_figure(width_in: float = 6.4, height_in: float = 3.6) -> tuple[Figure, Axes]:
    """Return a figure in the house style and its only axes.

    Args:
        width_in: width in inches of 100 px.
        height_in: height in inches.
    """
    figure, grid = new_grid(1, 1, width_in, height_in)
    return figure, grid[0]


def new_grid(
    rows: int, columns: int, width_in: float, height_in: float
) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``rows * columns`` axes, listed row by row."""
    with rc_context(_RC):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
    figure.patch.set_alpha(0)
    flat = [axis for row in axes for axis in row]
    for axis in flat:
        axis.patch.set_alpha(0)
    return figure, flat


def to_svg(figure: Figure, description: str) -> str:
    """Return a figure as inline SVG text that takes its ink from the page.

    The same figure always gives the same text: no date, no random identifiers.

    Args:
        figure: a figure of ``new_figure`` or ``new_grid``.
        description: what the picture shows, in one sentence, for people who cannot see it.
    """
    buffer = io.StringIO()
    with rc_context(_RC):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = text.replace(_INK, "currentColor")
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" class="plot" ', 1)


def to_svg_file(figure: Figure) -> str:
    """Return a figure as the text of a stand-alone SVG file: dark ink on white."""
    buffer = io.StringIO()
    with rc_context(_RC):
        figure.savefig(
            buffer, format="svg", facecolor="white", metadata={"Date": None, "Creator": None}
        )
    return buffer.getvalue().replace(_INK, "#1d2733")
