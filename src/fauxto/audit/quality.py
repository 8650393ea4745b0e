"""Pictures that are dark, bright, blurred, empty, grey or oddly shaped, by class."""

from typing import Final

import polars as pl

from fauxto.audit.records import Finding, count_words, describe_rows
from fauxto.core.errors import ImageStatus
from fauxto.core.labels import LABELS

UNEVEN: Final = 0.1
"""Difference between the classes' shares from which a finding becomes a warning."""

DARK: Final = 0.08
"""Mean brightness in [0, 1] at or below which a picture is dark."""
BRIGHT: Final = 0.92
"""Mean brightness in [0, 1] at or above which a picture is bright."""
PLAIN: Final = 0.03
"""Standard deviation of brightness in [0, 1] at or below which a picture is nearly one tone."""
BLURRED: Final = 10.0
"""Variance of the Laplacian of grey levels at or below which a picture is blurred, if it is also
low beside the variance of the grey levels themselves."""
BLURRED_SHARE: Final = 0.01
"""Largest ratio of the two: the edges of a dark or pale picture are weak, not blurred."""
GREY: Final = 0.01
"""Mean saturation in [0, 1] at or below which a picture is grey."""
SMALL_PX: Final = 128
"""Short side in pixels below which a picture is small."""
LONG: Final = 3.0
"""Long side over short side from which a picture is oddly shaped."""

_SIDES: Final = (
    pl.min_horizontal("width", "height").alias("short"),
    pl.max_horizontal("width", "height").alias("long"),
)
_IS_BLURRED: Final = (pl.col("sharpness") <= BLURRED) & (
    pl.col("sharpness") <= BLURRED_SHARE * (255 * pl.col("contrast")) ** 2
)


def find_poor_quality(images: pl.DataFrame) -> tuple[Finding, ...]:
    """Return findings about how pictures look; a class that has more of them is a leak.

    Args:
        images: the table of images; only rows with status ``ok`` count.
    """
    usable = images.filter(pl.col("status") == ImageStatus.OK.value).with_columns(*_SIDES)
    found = (
        ("dark", "almost black", pl.col("brightness") <= DARK, pl.col("brightness")),
        ("bright", "almost white", pl.col("brightness") >= BRIGHT, -pl.col("brightness")),
        ("plain", "nearly one tone", pl.col("contrast") <= PLAIN, pl.col("contrast")),
        ("blurred", "blurred", _IS_BLURRED, pl.col("sharpness")),
        ("grey", "without colour", pl.col("saturation") <= GREY, pl.col("path")),
        ("small", f"under {SMALL_PX} pixels on the short side", pl.col("short") < SMALL_PX,
         pl.col("short")),
        ("shape", f"at least {LONG:.0f} times as long as wide",
         pl.col("long") >= LONG * pl.col("short"), -(pl.col("long") / pl.col("short"))),
    )  # fmt: skip
    return tuple(
        _describe(usable, rows.sort(order, "path"), kind, words)
        for kind, words, concerned, order in found
        if (rows := usable.filter(concerned)).height
    )


def _describe(images: pl.DataFrame, rows: pl.DataFrame, kind: str, words: str) -> Finding:
    shares = {}
    for label in LABELS:
        of_class = images.filter(pl.col("label") == label.value).height
        concerned = rows.filter(pl.col("label") == label.value).height
        shares[label.value] = concerned / max(of_class, 1)
    low, high = sorted(shares, key=shares.__getitem__)
    uneven = shares[high] - shares[low] >= UNEVEN
    title = f"{count_words(rows.height, 'image')} {words}"
    if uneven:
        title += f", {shares[high]:.0%} of {high} and {shares[low]:.0%} of {low}"
    return describe_rows(
        f"quality.{kind}",
        "warning" if uneven else "info",
        rows,
        title=title,
        advice="One class has many more of them, so a detector may learn this instead of what "
        "you want: even it out, and test on each kind."
        if uneven
        else "Look at them; leave out those that are not what you want to judge.",
        evidence={f"share_{label}": share for label, share in shares.items()},
    )
