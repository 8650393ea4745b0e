"""The HTTP server: uvicorn, with bounds on connections and on slow heads."""

import asyncio
import errno
import json
import os
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar, Final

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from fauxto.core.errors import RecipeError
from fauxto.serve.problems import MEDIA_TYPE, ProblemError
from fauxto.serve.settings import ServeLimits

BACKLOG: Final = 256
GRACE_S: Final = 30
"""Seconds in which requests that were begun may finish after a stop signal."""


def run_server(
    app: FastAPI,
    *,
    host: str,
    port: int,
    limits: ServeLimits,
    announce: Callable[[int], None],
    trusted_proxies: tuple[str, ...] = (),
) -> None:
    """Serve until a stop signal; finish what was begun.

    Args:
        app: the application.
        host: address to listen on.
        port: 0 takes any free port.
        limits: bounds on connections and time.
        announce: called with the port when connections are accepted.
        trusted_proxies: addresses whose ``X-Forwarded-For`` is believed.

    Raises:
        RecipeError: the address cannot be listened on.
    """
    listener = _listen(host, port)
    announce(listener.getsockname()[1])
    config = uvicorn.Config(
        app,
        http=type("Protocol", (BoundedProtocol,), {"limits": limits}),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_keep_alive=round(limits.stall_timeout_s),
        timeout_graceful_shutdown=GRACE_S,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror  # of which asyncio makes a sentence of its own
        if error.errno is not None and error.errno in errno.errorcode:
            reason = os.strerror(error.errno)
        other = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise RecipeError(
            f"cannot listen on {host}, port {port}: {reason}: choose another {other}"
        ) from error


class BoundedProtocol(H11Protocol):
    """Refuses connections above a number, and those whose request's head takes too long."""

    limits: ClassVar[ServeLimits] = ServeLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request's head, or refuse."""
        super().connection_made(transport)
        self.head_timer: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.max_connections:
            busy = ProblemError("busy", "too many connections are open: try again soon")
            transport.write(_write_problem(busy))
            transport.close()
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_is_here()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self.transport.write(_write_problem(ProblemError("bad_request", msg)))
        self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request on this connection."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head_is_here()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_is_here()
        self.head_timer = self.loop.call_later(self.limits.stall_timeout_s, self.transport.close)

    def _head_is_here(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None


def _write_problem(problem: ProblemError) -> bytes:
    """Return a whole response, for where there is no application to make one."""
    body = json.dumps(problem.body().model_dump())
    headers: dict[str, Any] = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": len(body),
        "Connection": "close",
        **problem.headers(),
    }
    status = HTTPStatus(problem.kind.status)
    lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", body]).encode()
