"""How well the label is guessed, as dots with intervals: plain SVG, without a plotting library."""

from collections.abc import Sequence
from html import escape
from typing import Final

_LEFT: Final = 400
_RIGHT: Final = 790
_WIDTH: Final = 810
_TOP: Final = 34
_ROW: Final = 34
_MATCHED: Final = (0.45, 0.55)
_DOT: Final = "#d55e00"
_CHANCE: Final = "#009e73"


def auc_bars(
    titles: Sequence[str], aucs: Sequence[float], intervals: Sequence[tuple[float, float] | None]
) -> str:
    """Return how well each family of facts guesses the label as SVG.

    Args:
        titles: of the families, top first.
        aucs: ROC-AUC in [0, 1].
        intervals: 95 % intervals, None where unknown.
    """
    low = min(0.4, *aucs, *(interval[0] for interval in intervals if interval)) - 0.02
    bottom = _TOP + _ROW * len(titles)

    def x(value: float) -> str:
        return f"{_LEFT + (value - low) / (1.02 - low) * (_RIGHT - _LEFT):.1f}"

    first = int(low * 10) + 1
    ticks = [tenth / 10 for tenth in range(first, 11)]
    band = float(x(_MATCHED[1])) - float(x(_MATCHED[0]))
    parts = [
        f'<svg role="img" aria-label="Dots: ROC-AUC of guessing the label from each family of '
        f'facts." class="plot" viewBox="0 0 {_WIDTH} {bottom + 44}" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13" '
        f'fill="currentColor" text-anchor="middle">',
        f'<text x="{(_LEFT + _RIGHT) / 2}" y="18" font-size="15">Guessing the label from …</text>',
        f'<rect x="{x(_MATCHED[0])}" y="{_TOP}" width="{band:.1f}" height="{bottom - _TOP}" '
        f'fill="{_CHANCE}" opacity="0.18"/>',
        f'<path d="M{x(0.5)} {_TOP}V{bottom}" stroke="{_CHANCE}"/>',
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{_RIGHT}" stroke="currentColor" fill="none"/>',
    ]
    for tick in ticks:
        parts.append(f'<path d="M{x(tick)} {bottom}v5" stroke="currentColor"/>')
        parts.append(f'<text x="{x(tick)}" y="{bottom + 18}">{tick:.1f}</text>')
    parts.append(
        f'<text x="{(_LEFT + _RIGHT) / 2}" y="{bottom + 38}">'
        "ROC-AUC (0.5: chance, 1: given away)</text>"
    )
    for row, (title, auc, interval) in enumerate(zip(titles, aucs, intervals, strict=True)):
        y = _TOP + _ROW * (row + 0.62)
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(title)}</text>'
        )
        if interval is not None:
            span = f"M{x(interval[0])} {y:.1f}H{x(interval[1])}"
            parts.append(f'<path d="{span}" stroke="{_DOT}" stroke-width="2.5" opacity="0.6"/>')
        parts.append(f'<circle cx="{x(auc)}" cy="{y:.1f}" r="4" fill="{_DOT}"/>')
        parts.append(f'<text x="{x(auc)}" y="{y - 7:.1f}">{auc:.2f}</text>')
    return "\n".join([*parts, "</svg>"])
