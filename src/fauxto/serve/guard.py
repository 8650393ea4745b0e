"""Around every request: headers, access, a log without content, and no error without an answer."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fauxto.serve.access import RateLimit, client_name, find_owner
from fauxto.serve.problems import MEDIA_TYPE, ProblemError
from fauxto.serve.settings import ServeSettings
from fauxto.serve.telemetry import Telemetry

logger = logging.getLogger(__name__)

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
REPORT_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Reports carry their script and style inside; the sandbox keeps them away from this server."""

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
}
OPEN_PATHS: Final = ("/healthz", "/readyz")
"""Answered to anyone, by any name: health checks say nothing else."""
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d+)?")
_DRAIN_S: Final = 2.0
_DRAIN_PAUSE_S: Final = 0.3
"""What a client still sends after an early answer is read for this long; a pause ends it."""
_DRAIN_BYTES: Final = 8 << 20


def problem_response(problem: ProblemError) -> JSONResponse:
    """Return a problem as a response."""
    return JSONResponse(
        problem.body().model_dump(),
        status_code=problem.kind.status,
        headers=problem.headers(),
        media_type=MEDIA_TYPE,
    )


class Guard:
    """ASGI middleware, the outermost of the application."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, telemetry: Telemetry) -> None:
        self.app = app
        self.settings = settings
        self.telemetry = telemetry
        self.rate = RateLimit(settings.rate_per_minute) if settings.rate_per_minute else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            await self._answer(scope, exchange)
        except ClientDisconnect:
            exchange.status = exchange.status or 499
        except Exception:
            logger.exception("a request failed")
            if exchange.status:
                raise
            internal = ProblemError("internal_error", "it has been noted in the server's log")
            await problem_response(internal)(scope, exchange.receive, exchange.send)
        finally:
            self._note(scope, exchange)

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            self._admit(scope)
        except ProblemError as problem:
            self.telemetry.problems.labels(problem.code).inc()
            await problem_response(problem)(scope, exchange.receive, exchange.send)
            return
        await self.app(scope, exchange.receive, exchange.send)

    def _admit(self, scope: Scope) -> None:
        if scope["path"] in OPEN_PATHS:
            return
        headers = Headers(scope=scope)
        if self.settings.hosts and _host(headers.get("host", "")) not in self.settings.hosts:
            raise ProblemError("wrong_host", "start the server with --allow-host NAME to allow it")
        if scope["method"] == "POST" and headers.get("sec-fetch-site") == "cross-site":
            raise ProblemError("cross_site", "the request comes from another site's page")
        client = client_name(scope["client"][0] if scope["client"] else None)
        if self.settings.keys:
            client = f"key {find_owner(self.settings.keys, headers.get('authorization'))}"
        if self.rate is not None and scope["method"] == "POST":
            self.rate.admit(client)
            scope["fauxto.owe"] = _owing(self.rate, client)

    def _note(self, scope: Scope, exchange: "_Exchange") -> None:
        route = getattr(scope.get("route"), "path", "none")
        seconds = time.perf_counter() - exchange.began
        self.telemetry.requests.labels(route, str(exchange.status)).inc()
        self.telemetry.seconds.labels(route).observe(seconds)
        logger.info(
            "%s %s %d %.0f ms %d bytes in",
            scope["method"] if scope["method"].isalpha() else "?",
            route,
            exchange.status,
            seconds * 1000,
            exchange.received,
        )


def _owing(rate: RateLimit, client: str) -> Callable[[int], None]:
    return lambda pictures: rate.owe(client, pictures)


def _host(header: str) -> str:
    """Return the name in a ``Host`` header, without its port; empty if it is malformed."""
    found = _HOST.fullmatch(header.lower())
    return found.group(1) if found else ""


class _Exchange:
    """One request and its response, watched.

    Attributes:
        status: of the response; 0 as long as there is none.
        received: bytes of the body so far.
        began: when the request came, by ``time.perf_counter``.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        self.status = 0
        self.received = 0
        self.began = time.perf_counter()
        self._receive = receive
        self._send = send
        self._body_done = (
            headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        )

    async def receive(self) -> Message:
        """Receive the next part of the body."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._body_done = True
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the response; an early one does not cut off a client that still sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            await self._send(message)
            return
        if self._body_done or message.get("more_body", False):
            await self._send(message)
            return
        # Closing with unread bytes resets the connection, and the client never sees the answer.
        await self._send({**message, "more_body": True})
        await self._drain()
        await self._send({"type": "http.response.body", "body": b""})

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        last_byte, last_moment = self.received + _DRAIN_BYTES, loop.time() + _DRAIN_S
        with contextlib.suppress(TimeoutError):
            while not self._body_done and self.received < last_byte and loop.time() < last_moment:
                async with asyncio.timeout(_DRAIN_PAUSE_S):
                    await self.receive()
