"""The facts each shortcut may look at, as columns of numbers with a name that reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

FAMILIES: Final = {
    "container": "format, compression and metadata of the file",
    "geometry": "width and height",
    "colour": "brightness, contrast and colour of the whole picture",
    "thumbnail": "the picture shrunk to 16 × 16 pixels",
    "name": "the file's name",
}
"""Families of facts and what they are, in words."""

_COMMON_VALUES: Final = 12
"""Values of a category that get a column of their own, most frequent first."""

_CATEGORIES: Final = {
    "format": "format",
    "mode": "colour mode",
    "jpeg_subsampling": "JPEG subsampling",
    "software": "software",
    "camera": "camera",
    "suffix": "extension",
}


@dataclass(frozen=True)
class Facts:
    """Columns of one family.

    Attributes:
        values: a column per fact, shape (n, facts); NaN where the file has no such fact.
        names: of the columns; a yes-or-no fact is a statement, "width = height".
        is_flag: whether a column is such a statement (0 or 1).
    """

    values: Float[np.ndarray, "n facts"]
    names: tuple[str, ...]
    is_flag: tuple[bool, ...]


def container_facts(images: pl.DataFrame) -> Facts:
    """Return what the file is, beside its pixels, size and name."""
    images = images.with_columns(
        suffix=pl.col("path").str.to_lowercase().str.extract(r"\.([a-z0-9]+)$")
    )
    pixels = images["width"].cast(pl.Float64) * images["height"]
    numbers = {
        "bytes per pixel": images["bytes"] / pixels,
        "JPEG quality": images["jpeg_quality"],
    }
    flags = {
        "it has alpha": images["has_alpha"],
        "it has EXIF": images["has_exif"],
        "a camera is named": images["camera"].is_not_null(),
        "software is named": images["software"].is_not_null(),
        "it has Content Credentials": images["has_c2pa"],
        "it has an orientation tag": images["orientation"].is_not_null(),
        "it has several frames": images["frames"] > 1,
    }
    for column, words in _CATEGORIES.items():
        flags |= _one_hot(images[column].cast(pl.String), words)
    return _facts(numbers, flags)


def geometry_facts(images: pl.DataFrame) -> Facts:
    """Return what width and height say."""
    width, height = (images[side].cast(pl.Float64) for side in ("width", "height"))
    shorter, longer = images.select(
        pl.min_horizontal("width", "height").cast(pl.Float64).alias("shorter"),
        pl.max_horizontal("width", "height").cast(pl.Float64).alias("longer"),
    )
    numbers = {
        "width": width,
        "height": height,
        "width / height": width / height,
        "shorter side": shorter,
        "longer side": longer,
        "longer / shorter side": longer / shorter,
        "megapixels": width * height / 1e6,
    }
    flags = {"width = height": width == height}
    for step in (8, 64):
        flags[f"both sides are multiples of {step}"] = (width % step == 0) & (height % step == 0)
    return _facts(numbers, flags)


def colour_facts(images: pl.DataFrame, thumbnails: UInt8[np.ndarray, "n 16 16 3"]) -> Facts:
    """Return averages over the whole picture."""
    rgb = thumbnails.reshape(len(thumbnails), 256, 3).astype(np.float32) / np.float32(255)
    numbers: dict[str, pl.Series] = {
        name: images[name] for name in ("brightness", "contrast", "saturation")
    }
    for channel, name in enumerate(("red", "green", "blue")):
        numbers[f"mean {name}"] = pl.Series(rgb[:, :, channel].mean(axis=1))
        numbers[f"spread of {name}"] = pl.Series(rgb[:, :, channel].std(axis=1))
    numbers["red minus blue"] = pl.Series((rgb[:, :, 0] - rgb[:, :, 2]).mean(axis=1))
    numbers["green minus red and blue"] = pl.Series(
        (rgb[:, :, 1] - rgb[:, :, (0, 2)].mean(axis=2)).mean(axis=1)
    )
    return _facts(numbers, {})


def thumbnail_facts(thumbnails: UInt8[np.ndarray, "n 16 16 3"]) -> Facts:
    """Return every channel of every pixel, in [0, 1]."""
    names = tuple(
        f"{channel} in row {row} column {column} of 16"
        for row in range(1, 17)
        for column in range(1, 17)
        for channel in ("red", "green", "blue")
    )
    values = thumbnails.reshape(len(thumbnails), -1).astype(np.float32) / 255
    return Facts(values, names, (False,) * len(names))


def name_facts(images: pl.DataFrame) -> Facts:
    """Return what a file's name looks like; its words are left to ``name_texts``."""
    name = _stem(images["path"])
    digits = name.str.count_matches(r"\d")
    length = name.str.len_chars()
    numbers = {
        "length of the name": length,
        "digits in the name": digits,
        "number at the end of the name": name.str.extract(r"(\d{1,15})$").cast(pl.Float64),
    }
    flags = {
        "the name is a number": name.str.contains(r"^\d+$"),
        "the name is hexadecimal": name.str.contains(r"(?i)^[0-9a-f-]{12,}$"),
        "the name has capital letters": name.str.contains(r"\p{Lu}"),
        "the name has spaces": name.str.contains(r"\s"),
        "the name has underscores": name.str.contains("_", literal=True),
        "the name has hyphens": name.str.contains("-", literal=True),
    }
    beginning = name.str.to_lowercase().str.extract(r"^(\p{L}+)")
    flags |= _one_hot(beginning, "the name's first word")
    return _facts(numbers, flags)


def name_texts(images: pl.DataFrame) -> list[str]:
    """Return each name without folder and extension, followed by its digit pattern.

    The pattern has ``0`` for a digit, ``a`` for a letter: ``IMG_0012`` gives ``aaa_0000``.
    """
    name = _stem(images["path"]).str.to_lowercase()
    pattern = name.str.replace_all(r"\d", "0").str.replace_all(r"\p{L}", "a")
    return (name + " " + pattern).to_list()


def thumbnail_array(thumbnails: pl.Series) -> UInt8[np.ndarray, "n 16 16 3"]:
    """Return binary 16 × 16 RGB thumbnails as one array."""
    return np.frombuffer(b"".join(thumbnails), dtype=np.uint8).reshape(-1, 16, 16, 3)


def _stem(path: pl.Series) -> pl.Series:
    return path.str.extract(r"([^/]*)$").str.replace(r"\.[^.]*$", "").fill_null("")


def _one_hot(values: pl.Series, words: str) -> dict[str, pl.Series]:
    counts = values.drop_nulls().value_counts()
    counts = counts.sort("count", counts.columns[0], descending=[True, False])
    common = counts[counts.columns[0]].head(_COMMON_VALUES)
    return {f"{words} is {value}": (values == value).fill_null(value=False) for value in common}


def _facts(numbers: Mapping[str, pl.Series], flags: Mapping[str, pl.Series]) -> Facts:
    columns = {**numbers, **flags}
    values = np.column_stack(
        [column.cast(pl.Float64).fill_null(np.nan).to_numpy() for column in columns.values()]
    )
    return Facts(values, tuple(columns), tuple(name in flags for name in columns))
