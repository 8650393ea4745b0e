"""One image, however the caller holds it, to what the network takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32
from PIL import Image

from fauxto.core.choices import Reencoding
from fauxto.core.errors import DataError, UnreadableImage
from fauxto.core.provenance import Provenance
from fauxto.core.records import Preprocess
from fauxto.imaging.decode import (
    DecodedImage,
    Limits,
    decode_opened,
    decode_rgb,
    decoder_errors,
    read_bytes,
)
from fauxto.imaging.preprocess import fit_decoded, load_fitted, reduction, to_input
from fauxto.imaging.reencode import reencode
from fauxto.predict.inputs import ImageInput
from fauxto.provenance.read import read_provenance

AnyImage = Path | str | bytes | Image.Image | np.ndarray
"""Path, bytes of a file, Pillow image, or uint8 array of shape (h, w), (h, w, 3) or (h, w, 4)."""

_CHANNELS = (3, 4)

LEAST_SIDE_PX: Final = 32
"""Shorter sides hold too few pixels to tell a camera's from a generator's."""
LEAST_CONTRAST: Final = 4
"""Levels of 255 between the darkest and the brightest pixel of a channel, after scaling."""


@dataclass(frozen=True)
class Opened:
    """An image that is ready for the network, or why it is not.

    Attributes:
        name: how the caller names it.
        inputs: of the image, then of each re-encoding that was asked for; none if it is broken.
        fitted: the picture as the network sees it, where it was asked for.
        notes: what was done to the pixels that the reader should know.
        doubts: why no score could tell anything of it.
        provenance: what the file says of itself; None where there is no file, or no bytes.
        error: why it cannot be used.
    """

    name: str
    inputs: tuple[Float32[np.ndarray, "3 h w"], ...] = ()
    fitted: Image.Image | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    provenance: Provenance | None = None
    error: UnreadableImage | None = None


@dataclass(frozen=True)
class Opening:
    """How images are opened.

    Attributes:
        preprocess: of the network.
        limits: bounds on bytes and pixels, checked before memory is taken.
        reencodings: changes to look at too.
        keep_fitted: keep the picture as the network sees it.
        trust_anchors: certificates (PEM) of authorities whose Content Credentials are trusted.
    """

    preprocess: Preprocess
    limits: Limits
    reencodings: Sequence[Reencoding] = ()
    keep_fitted: bool = False
    trust_anchors: str | None = None

    def open(self, image: AnyImage | ImageInput) -> Opened:
        """Return an image ready for the network; a broken one has its error.

        Raises:
            DataError: an array is not of uint8 or has another shape.
        """
        name, content = _name(image)
        provenance = None
        try:
            if isinstance(content, UnreadableImage):
                raise content
            if isinstance(content, Path):
                content = read_bytes(content, self.limits)
            if isinstance(content, bytes):
                provenance = read_provenance(content, trust_anchors=self.trust_anchors)
            decoded = self._decode(content)
            fitted = fit_decoded(decoded, self.preprocess)
            pictures = [fitted, *self._change(content)]
        except UnreadableImage as error:
            return Opened(name, provenance=provenance, error=error)
        return Opened(
            name,
            tuple(to_input(picture, self.preprocess) for picture in pictures),
            fitted if self.keep_fitted else None,
            decoded.notes,
            find_doubts(decoded.size, fitted),
            provenance,
        )

    def _decode(self, content: bytes | Image.Image, *, whole: bool = False) -> DecodedImage:
        """Return the picture, reduced where the preprocessing allows it."""
        choose = partial(reduction, preprocess=self.preprocess)
        if isinstance(content, bytes):
            return decode_rgb(content, self.limits, choose_factor=None if whole else choose)
        with decoder_errors(b""):
            own = content.copy()  # loading would change the caller's
        return decode_opened(own, b"", 1 if whole else choose(own.size))

    def _change(self, content: bytes | Image.Image) -> list[Image.Image]:
        """Return the picture as the network would see it from each re-encoded file."""
        if not self.reencodings:
            return []
        whole = self._decode(content, whole=True).rgb
        return [
            load_fitted(reencode(whole, change), self.preprocess, self.limits)
            for change in self.reencodings
        ]


def find_doubts(size: tuple[int, int], fitted: Image.Image) -> tuple[str, ...]:
    """Return why nothing can be told of a picture, in words; mostly nothing.

    Args:
        size: width and height of the picture in pixels.
        fitted: the picture as the network sees it, mode RGB.
    """
    width, height = size
    doubts = []
    if min(size) < LEAST_SIDE_PX:
        doubts.append(f"{width} × {height} pixels are too few to judge")
    if np.ptp(np.asarray(fitted), axis=(0, 1)).max() < LEAST_CONTRAST:
        doubts.append("one colour all over: there is nothing to judge")
    return tuple(doubts)


def _name(
    image: AnyImage | ImageInput,
) -> tuple[str, Path | bytes | Image.Image | UnreadableImage]:
    if isinstance(image, ImageInput):
        return image.name, image.content
    if isinstance(image, str | Path):
        return str(image), Path(image)
    if isinstance(image, np.ndarray):
        return "-", _from_array(image)
    return "-", image


def _from_array(pixels: np.ndarray) -> Image.Image:
    coloured = pixels.ndim == 3 and pixels.shape[2] in _CHANNELS
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or coloured):
        raise DataError(
            f"an array must be uint8 of shape (h, w), (h, w, 3) or (h, w, 4), not {pixels.dtype} "
            f"of shape {pixels.shape}"
        )
    return Image.fromarray(pixels)
