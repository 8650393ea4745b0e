"""Who may come in, and how often."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fauxto.core.errors import RecipeError
from fauxto.serve.problems import ProblemError

KEY_BYTES: Final = 32
_MAX_CLIENTS: Final = 10_000
"""Clients whose rate is remembered; beyond it the one unseen longest is forgotten."""


def hash_key(key: str) -> str:
    """Return what is stored of a key; keys are 256 random bits, which need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(path: Path) -> dict[str, str]:
    """Return the hashes of the keys in a file by their owners' names.

    Args:
        path: text with a name and a hash a line; empty lines and lines from ``#`` are skipped.

    Raises:
        RecipeError: it cannot be read, or a line is not a name and a SHA-256.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the keys in {path}: {error}") from error
    keys = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, digest = line.strip().rpartition(" ")
        if not name or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise RecipeError(
                f"line {number} of {path} is not a name and a SHA-256: "
                "make keys with 'fauxto serve --new-key NAME'"
            )
        keys[name.strip()] = digest
    if not keys:
        raise RecipeError(f"{path} holds no key: make one with 'fauxto serve --new-key NAME'")
    return keys


def add_key(path: Path, name: str) -> str:
    """Make a key, append its hash to a file that only its owner may read, and return the key.

    Raises:
        RecipeError: the name has no letters, or the file has it already or cannot be written.
    """
    if not name.strip() or name != " ".join(name.split()) or name.startswith("#"):
        raise RecipeError("the key's name must be a word or words that do not begin with #")
    if path.exists() and name in read_keys(path):
        raise RecipeError(f"{path} already holds a key for {name}: delete its line first")
    key = secrets.token_urlsafe(KEY_BYTES)
    try:
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{name} {hash_key(key)}\n")
    except OSError as error:
        raise RecipeError(f"cannot write the keys to {path}: {error.strerror}") from error
    return key


def find_owner(keys: Mapping[str, str], authorization: str | None) -> str:
    """Return whose key a request carries.

    Args:
        keys: hash of each key by its owner's name.
        authorization: the header; ``Bearer KEY``, or ``Basic`` with the key as the password.

    Raises:
        ProblemError: it carries no key, or one that is not accepted.
    """
    key = _key_of(authorization or "")
    if key is None:
        raise ProblemError("key_needed", "send 'Authorization: Bearer KEY'")
    found = hash_key(key)
    owner = None
    for name, digest in keys.items():  # all of them: the time says nothing about which one matched
        if hmac.compare_digest(found, digest):
            owner = name
    if owner is None:
        raise ProblemError("key_needed", "this key is not accepted")
    return owner


def _key_of(authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer" and credentials:
        return credentials
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return decoded.partition(":")[2] or None
    return None


def loopback_hosts(host: str) -> tuple[str, ...]:
    """Return the names of this machine if a server listens on it alone, else nothing.

    Without this check, a page of another site could have its own name resolve to 127.0.0.1 and
    then read what this server answers.
    """
    if host not in ("localhost", "::1") and not host.startswith("127."):
        return ()
    return ("localhost", "127.0.0.1", "[::1]", host)


def client_name(address: str | None) -> str:
    """Return the address a rate is kept for: IPv6 clients by their /64, which is one household."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip)


class RateLimit:
    """A token bucket for each client: a minute's worth at once, then refilled evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, client: str) -> None:
        """Take one picture from a client's bucket.

        Raises:
            ProblemError: the bucket is empty; it says when it is not any more.
        """
        tokens = self._refill(client)
        if tokens < 1:
            wait_s = math.ceil((1 - tokens) * 60 / self._per_minute)
            raise ProblemError(
                "too_many_requests",
                f"the limit is {self._per_minute} pictures a minute",
                retry_after_s=wait_s,
            )
        self._take(client, tokens, 1)

    def owe(self, client: str, pictures: int) -> None:
        """Take what a request held beyond its first picture; a bucket may go below empty."""
        self._take(client, self._refill(client), pictures)

    def _refill(self, client: str) -> float:
        now = self._clock()
        tokens, since = self._buckets.get(client, (float(self._per_minute), now))
        return min(self._per_minute, tokens + (now - since) * self._per_minute / 60)

    def _take(self, client: str, tokens: float, pictures: int) -> None:
        self._buckets[client] = (tokens - pictures, self._clock())
        self._buckets.move_to_end(client)
        while len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)
