"""What a decoding process does with one upload; imports little, so that it starts quickly."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float32
from PIL import Image

from fauxto.core.choices import Reencoding
from fauxto.core.errors import ImageStatus
from fauxto.core.provenance import Provenance
from fauxto.core.records import Preprocess
from fauxto.imaging.decode import Limits, open_header, read_orientation
from fauxto.predict.opening import Opening

_PREVIEW_QUALITY: Final = 85
_FIRST_TURNED: Final = 5
"""From this EXIF orientation on, width and height change places."""


@dataclass(frozen=True)
class Job:
    """What a decoding process is asked to do; shows nothing of the picture in logs.

    Attributes:
        content: the file.
        reencodings: changes to look at too.
        preview: whether to send the picture back as the network sees it.
    """

    content: bytes = field(repr=False)
    reencodings: Sequence[Reencoding] = ()
    preview: bool = False


@dataclass(frozen=True)
class Decoded:
    """What a decoding process sends back.

    Attributes:
        inputs: of the picture, then of each re-encoding that was asked for.
        size: width and height of the upright picture in pixels.
        notes: what was done to the pixels that the reader should know.
        doubts: why no score could tell anything of it.
        provenance: what the file says of itself.
        preview: JPEG of the picture as the network sees it, where it was asked for.
    """

    inputs: tuple[Float32[np.ndarray, "3 h w"], ...]
    size: tuple[int, int]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    provenance: Provenance | None
    preview: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Undecoded:
    """Why a decoding process sends nothing back."""

    status: ImageStatus
    message: str
    out_of_memory: bool
    provenance: Provenance | None


def decode_job(job: Job, *, preprocess: Preprocess, limits: Limits) -> Decoded | Undecoded:
    """Decode one upload the way that ``predict`` does; runs in a decoding process."""
    opening = Opening(preprocess, limits, job.reencodings, keep_fitted=job.preview)
    opened = opening.open(job.content)
    if opened.error is not None:
        out_of_memory = isinstance(opened.error.__cause__, MemoryError)
        return Undecoded(opened.error.status, str(opened.error), out_of_memory, opened.provenance)
    return Decoded(
        opened.inputs,
        _upright_size(job.content, limits),
        opened.notes,
        opened.doubts,
        opened.provenance,
        _encode(opened.fitted),
    )


def _encode(fitted: Image.Image | None) -> bytes | None:
    if fitted is None:
        return None
    buffer = io.BytesIO()
    fitted.save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
    return buffer.getvalue()


def _upright_size(content: bytes, limits: Limits) -> tuple[int, int]:
    image = open_header(content, limits)
    width, height = image.size
    turned = (read_orientation(image) or 1) >= _FIRST_TURNED
    return (height, width) if turned else (width, height)
