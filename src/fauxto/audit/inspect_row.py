"""One image to its row of facts, in a process of its own; light, since every worker loads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.audit.tables import THUMBNAIL_SCHEMA
from fauxto.core.errors import ImageStatus, UnreadableImage
from fauxto.core.storage import is_url
from fauxto.data.stored import StoredImage, read_image
from fauxto.data.table import IMAGE_SCHEMA
from fauxto.imaging.decode import Limits
from fauxto.imaging.inspect import ImageFacts, inspect_bytes, inspect_file
from fauxto.imaging.squares import Squares

_LISTED: Final = ("path", "label", "split", "source", "generator")
PART_SCHEMA: Final[dict[str, pl.DataType]] = {
    **IMAGE_SCHEMA,
    **{name: kind for name, kind in THUMBNAIL_SCHEMA.items() if name != "path"},
}
"""Columns of a part: those of the table of images and those of the thumbnails."""


@dataclass(frozen=True)
class InspectRow:
    """An image to its row of facts; a bad one has its status.

    Attributes:
        limits: of pixels and bytes.
        squares: where to keep pictures at a network's size.
    """

    limits: Limits
    squares: Squares | None = None

    def __call__(self, image: StoredImage) -> Mapping[str, Any]:
        """Return the row of an image."""
        if image.offset is None and not is_url(image.address):
            return to_row(image, inspect_file(Path(image.address), self.limits, self.squares))
        try:
            content = read_image(image, self.limits)
        except UnreadableImage as error:
            return to_row(image, ImageFacts(status=error.status, error=str(error)))
        return to_row(image, inspect_bytes(content, self.limits, self.squares))


def describe_lost(image: StoredImage, reason: str) -> Mapping[str, Any]:
    """Return the row of an image whose process hung or died."""
    size = image.length
    if image.offset is None and not is_url(image.address) and Path(image.address).is_file():
        size = Path(image.address).stat().st_size
    error = f"decoding it failed: {reason}"
    return to_row(image, ImageFacts(status=ImageStatus.UNDECODABLE, error=error, bytes=size))


def to_row(image: StoredImage, facts: ImageFacts) -> Mapping[str, Any]:
    """Return what is listed of an image and what was found in it, by ``PART_SCHEMA``."""
    known = vars(facts)
    return {
        name: getattr(image, name) if name in _LISTED else known.get(name) for name in PART_SCHEMA
    }
