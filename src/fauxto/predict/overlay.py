"""Where in a picture the score comes from, laid over what the network sees of it."""

import hashlib
import io
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from fauxto.core.artifacts import write_bytes
from fauxto.imaging.overlay import overlay_heat

_STEM_CHARACTERS = 48
_DIGEST_DIGITS = 12


def name_overlay(name: str) -> str:
    """Return the file name of an image's overlay: its stem in plain characters, then a digest.

    The digest of the whole name keeps images apart that have the same stem.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).stem).strip("._")[:_STEM_CHARACTERS]
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGEST_DIGITS]
    return f"{plain or 'image'}-{digest}.png"


def draw_overlay(
    fitted: Image.Image, cam: Float[np.ndarray, "rows columns"], *, towards_fake: bool
) -> Image.Image:
    """Return a picture with the places that speak for one side laid over it.

    Args:
        fitted: what the network saw.
        cam: what each position adds to the log odds of fake.
        towards_fake: show what speaks for fake, else what speaks for real. The strongest place
            is 1 on the colour scale; where nothing speaks for that side, all is 0.
    """
    spoken = np.maximum(cam if towards_fake else -cam, 0).astype(np.float32)
    strongest = float(spoken.max())
    heat = Image.fromarray(spoken / strongest if strongest > 0 else spoken)
    smooth = np.asarray(heat.resize(fitted.size, Image.Resampling.BILINEAR))
    return Image.fromarray(overlay_heat(np.asarray(fitted), smooth.astype(np.float64)))


def write_overlay(picture: Image.Image, path: Path) -> None:
    """Write a PNG atomically."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    write_bytes(path, buffer.getvalue())
