"""One audited file to one picture of the data set."""

import builtins
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from PIL import Image

from fauxto.core.artifacts import write_bytes
from fauxto.core.errors import ImageStatus, UnreadableImage
from fauxto.core.records import Preprocess
from fauxto.data.stored import StoredImage, read_image
from fauxto.imaging.decode import Limits, decode_rgb
from fauxto.imaging.preprocess import load_fitted
from fauxto.imaging.squares import Squares, encode_square

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
        source: where the bytes of the original are.
        target: the PNG to write; None to have its bytes in the outcome.
        preprocess: size, fit and resampling.
        limits: of the source.
        jpeg_quality: compress the picture like a JPEG of this quality before it is stored.
        square: a file that may hold the picture already, before compression; see ``Squares``.
    """

    source: StoredImage
    target: Path | None
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
    content: builtins.bytes | None = None
    """The picture as PNG, where it was not written to a file."""


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
    if job.target is not None and job.target.is_file():
        return _outcome(job, job.target.read_bytes())
    try:
        content = _make(job)
    except UnreadableImage as error:
        return Outcome(job.source.path, error.status, str(error))
    if job.target is not None:
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
        content = read_image(job.source, job.limits)
        picture = load_fitted(content, job.preprocess, job.limits)
    if job.jpeg_quality is not None:
        picture = compress(picture, job.jpeg_quality)
    return encode_square(picture)


def _outcome(job: Job, content: bytes) -> Outcome:
    return Outcome(
        job.source.path,
        ImageStatus.OK,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content if job.target is None else None,
    )


OUTCOME_SCHEMA: Final[dict[str, pl.DataType]] = {
    "original": pl.String(),
    "status": pl.String(),
    "error": pl.String(),
    "bytes": pl.Int64(),
    "sha256": pl.String(),
}
"""Columns of a part: what became of each picture."""
CONTENT: Final = "content"
"""A further column, of the pictures' bytes, where they are not written to files of their own."""


@dataclass(frozen=True)
class StandardiseRow:
    """An audited image to its picture in the data set; the row says what became of it.

    Attributes:
        out: folder of the data set; None to have the picture in the row.
        preprocess: size, fit and resampling.
        limits: of the source.
        seed: of the JPEG qualities, where containers are matched; None where they are not.
        squares: where the audit kept pictures at this size.
    """

    out: Path | None
    preprocess: Preprocess
    limits: Limits
    seed: int | None = None
    squares: Squares | None = None

    def __call__(self, image: StoredImage) -> Mapping[str, Any]:
        """Make one picture."""
        kept = self.squares and image.sha256 and self.squares.path_of(image.sha256)
        job = Job(
            image,
            self.out and self.out / place_picture(str(image.split), str(image.label), image.path),
            self.preprocess,
            self.limits,
            None if self.seed is None else draw_quality(image.path, self.seed),
            kept or None,
        )
        return self.tell(standardise(job))

    def lose(self, image: StoredImage, reason: str) -> Mapping[str, Any]:
        """Return the row of an image whose worker hung or died."""
        return self.tell(Outcome(image.path, ImageStatus.UNDECODABLE, reason))

    @property
    def schema(self) -> Mapping[str, pl.DataType]:
        """Return the columns of a row."""
        return OUTCOME_SCHEMA if self.out else {**OUTCOME_SCHEMA, CONTENT: pl.Binary()}

    def tell(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return an outcome as a row."""
        return {name: getattr(outcome, name) for name in self.schema}


def place_picture(split: str, label: str, original: str) -> str:
    """Return where a picture lies in the data set, or what its table calls it."""
    return f"{split}/{label}/{name_picture(original)}"
