"""The clients of object stores and of fsspec's file systems: opened once a process, asked again.

S3, Google and Azure go through obstore, one request for a read and one for a write; every other
protocol through fsspec's own file system. Both are imported when the first such address is met.
Credentials and endpoint come from the usual environment (``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``, or the machine's role).
"""

import os
import re
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from fauxto.core.errors import ArtifactError, DataError, MissingExtra

OBJECT_STORES: Final = ("s3", "s3a", "gs", "az", "abfs", "abfss")
"""Protocols where a write is one request: seen whole, or not at all."""
ATTEMPTS: Final = 4
"""How often one request is tried in all, beside the retries of the store's own client."""
FIRST_WAIT_S: Final = 0.2
"""Wait before the second attempt; it doubles at each."""

_CLIENT_RETRIES: Final = 3
_REQUEST_TIMEOUT_S: Final = 60
_STATUS: Final = re.compile(r"status code: (\d{3} [A-Za-z ]+)")
_CLIENT_ERRORS: Final = (("obstore.exceptions", "BaseError"), ("aiohttp", "ClientError"))
_TRY: Final = re.compile(r"Error performing .*? in [\d.]+.?s(, after .*?)? - ")
"""What obstore says of one try: its address, its time, how many went before."""
T = TypeVar("T")


def with_retries(request: Callable[[], T], address: str, *, attempts: int = ATTEMPTS) -> T:
    """Return what a request gives, tried again where waiting may help, with doubling waits.

    Raises:
        OSError: every attempt failed; ``strerror`` says why in words that hold no times or request
            numbers, so that equal runs give equal rows.
    """
    for attempt in range(1, attempts + 1):
        try:
            return request()
        except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
            raise type(error)(error.errno or 0, describe_failure(error), address) from error
        except _failures() as error:
            if attempt == attempts:
                raise OSError(0, describe_failure(error), address) from error
            time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


def ask(request: Callable[[], T], address: str) -> T:
    """Return what a store says of an address.

    Raises:
        FileNotFoundError: nothing is there.
        ArtifactError: it does not say.
    """
    try:
        return with_retries(request, address)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArtifactError(f"cannot look at {address}: {describe_failure(error)}") from error


def describe_failure(error: BaseException) -> str:
    """Return why a request failed, without what differs from try to try."""
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    if isinstance(error, PermissionError):
        return "access is denied"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip()
    if status := _STATUS.search(text):
        return f"the store answered {status[1].strip()}"
    line = text.splitlines()[0] if text else type(error).__name__
    return _TRY.sub("", line)


def _failures() -> tuple[type[Exception], ...]:
    """Return what clients raise; one that is not loaded raises nothing."""
    own = (
        getattr(sys.modules[module], name)
        for module, name in _CLIENT_ERRORS
        if module in sys.modules
    )
    return (OSError, *own)


def open_store(address: str) -> tuple[Any, str]:
    """Return the store of a URL, and the path inside it.

    Raises:
        DataError: nothing opens such an address.
        MissingExtra: what opens it is not installed.
    """
    protocol, _, path = address.partition("://")
    store = connect(protocol, os.getpid())
    if protocol not in OBJECT_STORES:
        path = store._strip_protocol(address)
    return store, path.rstrip("/")


@lru_cache(maxsize=8)
def connect(protocol: str, _process: int) -> Any:  # noqa: ANN401 - fsspec has no types
    """Return the client for a protocol, the same one for the whole process."""
    try:
        if protocol in OBJECT_STORES:
            from obstore.fsspec import FsspecStore  # noqa: PLC0415

            return FsspecStore(
                protocol,  # type: ignore[call-overload] # one of its literals
                client_options={
                    "allow_http": _endpoint().startswith("http://"),
                    "timeout": timedelta(seconds=_REQUEST_TIMEOUT_S),
                },
                retry_config={"max_retries": _CLIENT_RETRIES},
                skip_instance_cache=True,
            )
        import fsspec  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra(f"an address that begins with {protocol}://", "cloud") from error
    try:
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise DataError(f"nothing here opens {protocol}://: {error}") from error


def polars_options() -> dict[str, Any]:
    """Return the options by which polars opens an object store as this module does."""
    plain = _endpoint().startswith("http://")
    return {"aws_allow_http": "true"} if plain else {}


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
