"""One audited file to one picture of the data set."""

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from fauxto.core.artifacts import write_bytes
from fauxto.core.errors import ImageStatus, UnreadableImage
from fauxto.core.records import Preprocess
from fauxto.imaging.decode import Limits, decode_rgb, read_bytes
from fauxto.imaging.preprocess import load_fitted
from fauxto.imaging.squares import encode_square

QUALITIES: Final = range(60, 81)
"""JPEG qualities of which each picture gets one where containers are matched.

Low enough to cover the traces of most earlier compression. Measured at the worst, on 120
photographs of the final size of which half had been JPEG: how much a picture changes when it is
compressed once more told the two apart with ROC-AUC 0.99 to 1. Afterwards that was within 0.03 of
chance for earlier qualities 90 and 95, and within 0.16 for 75 and 80: weakened, not erased.
"""

_STEM_CHARACTERS: Final = 48
_DIGEST_DIGITS: Final = 12
"""Eight would let two of 60,000 files meet with a chance of 0.34 where all stems are alike."""


@dataclass(frozen=True)
class Job:
    """One picture to make.

    Attributes:
        original: path relative to the audited root.
        source: the file.
        target: the PNG to write.
        preprocess: size, fit and resampling.
        limits: of the source.
        jpeg_quality: compress the picture like a JPEG of this quality before it is stored.
        square: a file that may hold the picture already, before compression; see ``Squares``.
    """

    original: str
    source: Path
    target: Path
    preprocess: Preprocess
    limits: Limits
    jpeg_quality: int | None = None
    square: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job; ``status`` is ``ok`` or says why there is no picture."""

    original: str
    status: ImageStatus
    error: str | None = None
    bytes: int | None = None
    sha256: str | None = None


def name_picture(original: str) -> str:
    """Return the file name of a picture: the stem in plain characters, then 12 digits of a digest.

    The digest of the whole original path keeps files apart that have the same stem in different
    folders; the name depends on nothing else.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(original).stem).strip("._")[:_STEM_CHARACTERS]
    digest = hashlib.sha256(original.encode("utf-8", "surrogateescape")).hexdigest()[
        :_DIGEST_DIGITS
    ]
    return f"{plain or 'image'}-{digest}.png"


def draw_quality(original: str, seed: int) -> int:
    """Return the JPEG quality of a picture, uniform over ``QUALITIES``, whatever its label."""
    digest = hashlib.sha256(f"{seed}:{original}".encode("utf-8", "surrogateescape")).digest()
    return QUALITIES[int.from_bytes(digest[:8]) % len(QUALITIES)]


def compress(fitted: Image.Image, quality: int) -> Image.Image:
    """Return a picture as it looks after JPEG compression (4:2:0, quality in 1 to 95)."""
    buffer = io.BytesIO()
    fitted.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(buffer, formats=("JPEG",)) as compressed:
        return compressed.convert("RGB")


def standardise(job: Job) -> Outcome:
    """Make one picture, or find it made by an interrupted call; a bad file is an outcome.

    Raises:
        ArtifactError: the picture cannot be written.
    """
    if job.target.is_file():
        return _outcome(job, job.target.read_bytes())
    try:
        content = _make(job)
    except UnreadableImage as error:
        return Outcome(job.original, error.status, str(error))
    write_bytes(job.target, content)
    return _outcome(job, content)


def _make(job: Job) -> bytes:
    """Return the picture as PNG."""
    if job.square is not None and job.square.is_file():
        content = job.square.read_bytes()
        if job.jpeg_quality is None:
            return content
        picture = decode_rgb(content, job.limits).rgb
    else:
        content = read_bytes(job.source, job.limits)
        picture = load_fitted(content, job.preprocess, job.limits)
    if job.jpeg_quality is not None:
        picture = compress(picture, job.jpeg_quality)
    return encode_square(picture)


def _outcome(job: Job, content: bytes) -> Outcome:
    return Outcome(
        job.original,
        ImageStatus.OK,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def lose(job: Job, reason: str) -> Outcome:
    """Return the outcome of a job whose worker hung or died."""
    return Outcome(job.original, ImageStatus.UNDECODABLE, reason)
