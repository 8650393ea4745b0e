"""The body of a request to pictures in memory: bounded, timed, and never on disk."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from fauxto.serve.problems import ProblemError
from fauxto.serve.settings import ServeLimits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MULTIPART: Final = b"multipart/form-data"
RAW_TYPES: Final = (b"application/octet-stream", b"image/")
MAX_NAME: Final = 200
"""Characters of a file name that are kept."""


@dataclass(frozen=True)
class UploadedFile:
    """A picture as it was sent; neither name nor content shows in logs.

    Attributes:
        name: what the client calls it; only ever sent back to that client.
        content: the file's bytes.
    """

    name: str = field(repr=False)
    content: bytes = field(repr=False)


class HeldBytes:
    """Bytes of all uploads that are in memory, bounded."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def lease(self) -> "Lease":
        """Return one request's share, empty at first; given back when its block ends."""
        return Lease(self)


class Lease:
    """What one request holds of ``HeldBytes``."""

    def __init__(self, account: HeldBytes) -> None:
        self._account = account
        self._held = 0

    def take(self, count: int) -> None:
        """Add bytes.

        Raises:
            ProblemError: all uploads together hold too much.
        """
        if self._account.held + count > self._account.limit:
            raise ProblemError("busy", "too many uploads are in memory: try again soon")
        self._account.held += count
        self._held += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._account.held -= self._held
        self._held = 0


async def receive_files(request: Request, limits: ServeLimits, lease: Lease) -> list[UploadedFile]:
    """Return the pictures of a request, at least one.

    Args:
        request: ``multipart/form-data`` with files, or the bytes of one picture.
        limits: bounds on bytes, files and time; they hold while the body arrives.
        lease: the request's share of memory.

    Raises:
        ProblemError: the body is malformed, over a limit or too slow.
        starlette.requests.ClientDisconnect: the client went away.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    _check_length(request.headers.get("content-length"), limits)
    body = _bounded(request, limits, lease)
    if kind == MULTIPART:
        return await _receive_multipart(body, parameters.get(b"boundary", b""), limits)
    if not kind.startswith(RAW_TYPES):
        raise ProblemError(
            "unsupported_body",
            "send multipart/form-data with files, or one picture as image/… or "
            "application/octet-stream",
        )
    parts = []
    size = 0
    async for part in body:
        size += len(part)
        _check_file_size(size, limits)
        parts.append(part)
    if not size:
        raise ProblemError("no_picture", "the body is empty")
    return [UploadedFile("-", b"".join(parts))]


def _check_length(declared: str | None, limits: ServeLimits) -> None:
    if declared is not None and declared.isdecimal() and int(declared) > limits.max_request_bytes:
        raise ProblemError(
            "request_too_large",
            f"{declared} bytes are more than the limit of {limits.max_request_bytes}",
        )


def _check_file_size(size: int, limits: ServeLimits) -> None:
    if size > limits.max_file_bytes:
        raise ProblemError(
            "file_too_large", f"the limit for one picture is {limits.max_file_bytes} bytes"
        )


async def _bounded(request: Request, limits: ServeLimits, lease: Lease) -> AsyncIterator[bytes]:
    """Yield the body as it arrives, within size, memory and time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limits.upload_timeout_s
    size = 0
    stream = request.stream()
    while True:
        patience = min(limits.stall_timeout_s, max(0.0, end - loop.time()))
        try:
            async with asyncio.timeout(patience):
                part = await anext(stream, None)
        except TimeoutError as error:
            raise ProblemError(
                "upload_too_slow",
                f"a request must arrive within {limits.upload_timeout_s:g} s, without pauses of "
                f"more than {limits.stall_timeout_s:g} s",
            ) from error
        if part is None:
            return
        size += len(part)
        if size > limits.max_request_bytes:
            raise ProblemError(
                "request_too_large", f"the limit for a request is {limits.max_request_bytes} bytes"
            )
        lease.take(len(part))
        yield part


async def _receive_multipart(
    body: AsyncIterator[bytes], boundary: bytes, limits: ServeLimits
) -> list[UploadedFile]:
    if not boundary:
        raise ProblemError("bad_multipart", "the content type names no boundary")
    collector = _Collector(limits)
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        async for part in body:
            parser.write(part)
        parser.finalize()
    except FormParserError as error:
        raise ProblemError("bad_multipart", "the body does not follow RFC 7578") from error
    if not collector.ended:
        raise ProblemError("bad_multipart", "the body ends before its last boundary")
    if not collector.files:
        raise ProblemError("no_picture", "no part of the body has a file name")
    return collector.files


class _Collector:
    """Takes the parser's events; keeps files, refuses everything else."""

    def __init__(self, limits: ServeLimits) -> None:
        self.files: list[UploadedFile] = []
        self.ended = False
        self._limits = limits
        self._header = b""
        self._value = b""
        self._name: str | None = None
        self._content = bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_content,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.files) >= self._limits.max_files:
            raise ProblemError(
                "too_many_files", f"the limit for a request is {self._limits.max_files} pictures"
            )
        self._name = None
        self._content = bytearray()

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, parameters = parse_options_header(self._value)
            if b"filename" in parameters:
                name = parameters[b"filename"].decode("utf-8", "replace")
                self._name = name[:MAX_NAME] or "-"
        self._header = self._value = b""

    def _end_headers(self) -> None:
        if self._name is None:
            raise ProblemError(
                "bad_multipart", "every part must be a file; options belong into the address"
            )

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]
        _check_file_size(len(self._content), self._limits)

    def _end(self) -> None:
        self.files.append(UploadedFile(self._name or "-", bytes(self._content)))

    def _finish(self) -> None:
        self.ended = True
