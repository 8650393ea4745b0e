"""What a server may spend on its clients, and whom it lets in."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1 << 20
DECODE_BYTES_PER_PIXEL: Final = 16
"""What decoding may take: RGBA, RGB over white, and copies for scaling and re-encoding."""


@dataclass(frozen=True)
class ServeLimits:
    """Bounds that hold before a picture is decoded.

    Attributes:
        max_file_bytes: of one picture.
        max_files: pictures in one request.
        max_request_bytes: of one request's body.
        max_held_bytes: of all uploads that are in memory at once.
        max_pixels: width times height above which a picture is not decoded.
        max_requests: requests that are being received or answered at once; above it, 503.
        max_pictures: pictures that wait or are looked at at once; above it, 503.
        max_connections: open connections; above it a new one is answered 503 and closed.
        image_timeout_s: for decoding one picture and all that is made of it.
        upload_timeout_s: for receiving a whole request.
        stall_timeout_s: between two parts of a request, and for a request's head.
        answer_timeout_s: from a request's last byte to its answer; longer is answered with 503.
        decode_memory_bytes: of data in each decoding process.
    """

    max_file_bytes: int = 32 * MEBIBYTE
    max_files: int = 16
    max_request_bytes: int = 64 * MEBIBYTE
    max_held_bytes: int = 512 * MEBIBYTE
    max_pixels: int = 64_000_000
    max_requests: int = 96
    max_pictures: int = 192
    max_connections: int = 512
    image_timeout_s: float = 10.0
    upload_timeout_s: float = 60.0
    stall_timeout_s: float = 10.0
    answer_timeout_s: float = 60.0
    decode_memory_bytes: int = 64_000_000 * DECODE_BYTES_PER_PIXEL


@dataclass(frozen=True)
class ServeSettings:
    """How a server runs.

    Attributes:
        limits: bounds on what clients may cost.
        decode_workers: processes that decode.
        batch_size: most pictures that the network sees at once.
        keys: SHA-256 of each accepted API key by its owner's name; empty lets everyone in.
        rate_per_minute: pictures that one client may send a minute; None without limit.
        hosts: names under which clients may address the server; empty allows any.
        reports: folder whose reports are shown; None shows none.
    """

    limits: ServeLimits = field(default_factory=ServeLimits)
    decode_workers: int = 2
    batch_size: int = 16
    keys: dict[str, str] = field(default_factory=dict)
    rate_per_minute: int | None = None
    hosts: tuple[str, ...] = ()
    reports: Path | None = None
