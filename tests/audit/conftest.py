"""Tables of made-up facts, as the one pass over the files would give them."""

import hashlib
import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from fauxto.audit.tables import THUMBNAIL_SCHEMA
from fauxto.data.table import IMAGE_SCHEMA


def _jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def _make_tables(n, *, seed=0, **columns):
    """Return images and thumbnails of ``n`` unrelated pictures, alternately real and fake.

    ``columns`` replace columns of the table of images; facts and labels are unrelated.
    """
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    labels = ["real" if row % 2 == 0 else "fake" for row in range(n)]
    names = rng.integers(0, 10**9, n)
    width, height = rng.integers(200, 2000, n), rng.integers(200, 2000, n)
    facts = {
        "path": [f"{label}/{name:09d}.jpg" for label, name in zip(labels, names, strict=True)],
        "label": labels,
        "split": None,
        "status": "ok",
        "bytes": width * height // rng.integers(2, 12, n),
        "sha256": [hashlib.sha256(f"{seed} {row}".encode()).hexdigest() for row in range(n)],
        "format": "JPEG",
        "mode": "RGB",
        "width": width,
        "height": height,
        "aspect": width / height,
        "frames": 1,
        "jpeg_quality": rng.integers(60, 98, n),
        "jpeg_subsampling": "4:2:0",
        "has_alpha": False,
        "has_exif": rng.random(n) < 0.5,
        "has_c2pa": False,
        "phash": rng.integers(0, 2**64, n, dtype=np.uint64),
        "brightness": rng.uniform(0.2, 0.8, n),
        "contrast": rng.uniform(0.1, 0.3, n),
        "sharpness": rng.uniform(200, 900, n),
        "saturation": rng.uniform(0.1, 0.6, n),
        **columns,
    }
    images = pl.select(
        **{
            name: pl.lit(pl.Series(facts[name], dtype=kind, strict=False))
            if isinstance(facts.get(name), list | np.ndarray)
            else pl.lit(facts.get(name), dtype=kind).repeat_by(n).explode()
            for name, kind in IMAGE_SCHEMA.items()
        }
    )
    thumbnails = pl.DataFrame(
        {
            "path": images["path"],
            "pixel_sha256": [hashlib.sha256(rows.tobytes()).hexdigest() for rows in pixels],
            "phash_mirrored": rng.integers(0, 2**64, n, dtype=np.uint64),
            "thumb16": [rows.tobytes() for rows in pixels],
            "jpeg": [_jpeg(rows) for rows in pixels],
        },
        schema=THUMBNAIL_SCHEMA,
    )
    return images, thumbnails


@pytest.fixture(scope="session")
def make_tables():
    return _make_tables
