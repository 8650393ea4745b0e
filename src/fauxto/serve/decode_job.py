"""What a decoding process does with one upload; imports little, so that it starts quickly."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float32

from fauxto.core.choices import Reencoding
from fauxto.core.errors import ImageStatus
from fauxto.core.provenance import Provenance
from fauxto.core.records import Preprocess
from fauxto.imaging.decode import Limits, open_header, read_orientation
from fauxto.predict.opening import Opening

_FIRST_TURNED: Final = 5
"""From this EXIF orientation on, width and height change places."""


@dataclass(frozen=True)
class Job:
    """What a decoding process is asked to do; shows nothing of the picture in logs.

    Attributes:
        content: the file.
        reencodings: changes to look at too.
    """

    content: bytes = field(repr=False)
    reencodings: Sequence[Reencoding] = ()


@dataclass(frozen=True)
class Decoded:
    """What a decoding process sends back.

    Attributes:
        inputs: of the picture, then of each re-encoding that was asked for.
        size: width and height of the upright picture in pixels.
        notes: what was done to the pixels that the reader should know.
        doubts: why no score could tell anything of it.
        provenance: what the file says of itself.
    """

    inputs: tuple[Float32[np.ndarray, "3 h w"], ...]
    size: tuple[int, int]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    provenance: Provenance | None


@dataclass(frozen=True)
class Undecoded:
    """Why a decoding process sends nothing back."""

    status: ImageStatus
    message: str
    out_of_memory: bool
    provenance: Provenance | None


def decode_job(job: Job, *, preprocess: Preprocess, limits: Limits) -> Decoded | Undecoded:
    """Decode one upload the way that ``predict`` does; runs in a decoding process."""
    opened = Opening(preprocess, limits, job.reencodings).open(job.content)
    if opened.error is not None:
        out_of_memory = isinstance(opened.error.__cause__, MemoryError)
        return Undecoded(opened.error.status, str(opened.error), out_of_memory, opened.provenance)
    size = _upright_size(job.content, limits)
    return Decoded(opened.inputs, size, opened.notes, opened.doubts, opened.provenance)


def _upright_size(content: bytes, limits: Limits) -> tuple[int, int]:
    image = open_header(content, limits)
    width, height = image.size
    turned = (read_orientation(image) or 1) >= _FIRST_TURNED
    return (height, width) if turned else (width, height)
