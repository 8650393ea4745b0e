"""What the checks and the page know of the pixels: the columns of ``thumbnails.parquet``."""

from typing import Final

import polars as pl

THUMBNAILS: Final = "thumbnails.parquet"
"""File beside ``images.parquet`` with what the checks and the page need of the pixels."""

THUMBNAIL_SCHEMA: Final = pl.Schema(
    {
        "path": pl.String,
        "pixel_sha256": pl.String,
        "phash_mirrored": pl.UInt64,
        "thumb16": pl.Binary,
        "jpeg": pl.Binary,
    }
)
"""One row per readable image, sorted by path.

``path`` as in the table of images; ``pixel_sha256`` of the decoded RGB pixels, size included;
``phash_mirrored`` is the perceptual hash of the picture mirrored left to right; ``thumb16`` holds
16 × 16 RGB pixels, 768 bytes row by row; ``jpeg`` is a small JPEG for the page, null where none
was kept.
"""
