"""Files where they are: on this machine, or at an address with ``://`` that fsspec opens.

S3, Google and Azure go through obstore, one request for a read and one for a write; every other
protocol through fsspec's own file system. Both are imported when the first such address is met.
Credentials and endpoint come from the usual environment (``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``, or the machine's role).
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from fauxto.core.artifacts import write_bytes
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
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a listing found.

    Attributes:
        address: path or URL that opens it.
        size: bytes, None where the store does not tell.
        version: changes when the file is written anew; None where nothing tells.
    """

    address: str
    size: int | None
    version: str | None


def is_url(address: str | Path) -> bool:
    """Return whether an address needs a store's client, by its ``://``.

    >>> is_url("s3://bucket/pictures"), is_url("pictures/a.jpg")
    (True, False)
    """
    return "://" in str(address)


def join(folder: str, name: str) -> str:
    """Return the address of a file below a folder or prefix."""
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else str(Path(folder) / name)


def read(address: str, start: int | None = None, length: int | None = None) -> bytes:
    """Return a file's bytes, or ``length`` of them from ``start``.

    Throttled, broken off and short answers are tried again, ``ATTEMPTS`` times with doubling waits.

    Raises:
        OSError: it is missing, may not be read, or every attempt failed; ``strerror`` says which
            in words that hold no times or request numbers, so that equal runs give equal rows.
        MissingExtra: what reads such addresses is not installed.
    """
    end = None if start is None or length is None else start + length

    def attempt() -> bytes:
        if not is_url(address):
            return _read_local(address, start, length)
        store, path = _open(address)
        content = store.cat_file(path, start=start, end=end)
        return bytes(content)

    def whole() -> bytes:
        content = attempt()
        if length is not None and len(content) != length:
            raise OSError(0, f"{len(content)} bytes came where {length} were asked for")
        return content

    return _with_retries(whole, address)


def write(address: str, content: bytes) -> None:
    """Write a file so that it is seen whole or not at all.

    Raises:
        ArtifactError: it cannot be written.
        MissingExtra: what writes such addresses is not installed.
    """
    if not is_url(address):
        write_bytes(Path(address), content)
        return
    store, path = _open(address)
    try:
        if address.partition("://")[0] in OBJECT_STORES:
            _with_retries(lambda: store.pipe_file(path, content), address)
        else:
            folder, _, name = path.rpartition("/")
            store.makedirs(folder, exist_ok=True)
            store.pipe_file(f"{folder}/.{name}.part", content)
            store.mv(f"{folder}/.{name}.part", path)
    except (OSError, NotImplementedError) as error:  # the latter from stores that only read
        raise ArtifactError(f"cannot write {address}: {_reason(error)}") from error


def exists(address: str) -> bool:
    """Return whether there is a file at an address.

    Raises:
        OSError: the store does not answer.
    """
    if not is_url(address):
        return Path(address).is_file()
    store, path = _open(address)
    try:
        return _with_retries(lambda: store.info(path), address)["type"] == "file"
    except FileNotFoundError:
        return False


def remove(address: str) -> None:
    """Remove a file, if it is there."""
    if not is_url(address):
        Path(address).unlink(missing_ok=True)
    elif exists(address):
        store, path = _open(address)
        _with_retries(lambda: store.rm_file(path), address)


def walk(folder: str) -> Iterator[StoredFile]:
    """Yield the files below a folder or prefix, sorted folder by folder; hidden ones are left out.

    Links to folders are not followed, since they may go round in circles. Only one folder's names
    a level are in memory.

    Raises:
        DataError: it cannot be listed.
    """
    if not is_url(folder):
        yield from _walk_local(folder)
        return
    store, path = _open(folder)
    yield from _walk_store(store, path, folder.partition("://")[0])


def names_in(folder: str) -> set[str]:
    """Return the names of the files directly in a folder; none if there is no such folder."""
    if not is_url(folder):
        return {path.name for path in Path(folder).glob("[!.]*")}
    store, path = _open(folder)
    try:
        found = _with_retries(lambda: store.ls(path, detail=False), folder)
    except FileNotFoundError:
        return set()
    return {str(name).rstrip("/").rpartition("/")[2] for name in found}


def is_folder(address: str) -> bool:
    """Return whether an address is a folder, or a prefix with something below."""
    if not is_url(address):
        return Path(address).is_dir()
    store, path = _open(address)
    try:
        return bool(_with_retries(lambda: store.ls(path, detail=False), address)) and not exists(
            address
        )
    except FileNotFoundError:
        return False


def size_of(address: str) -> int:
    """Return a file's size in bytes.

    Raises:
        OSError: it is missing or cannot be looked at.
    """
    if not is_url(address):
        return Path(address).stat().st_size
    store, path = _open(address)
    return int(_with_retries(lambda: store.info(path), address)["size"])


def _walk_local(folder: str) -> Iterator[StoredFile]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan)
    except OSError as error:
        raise DataError(f"cannot list the folder {folder}: {error.strerror}") from error
    for name, is_dir in entries:
        if name.startswith("."):
            continue
        path = str(Path(folder) / name)
        if is_dir:
            yield from _walk_local(path)
        else:
            yield StoredFile(path, *_facts(path))


def _facts(path: str) -> tuple[int | None, str | None]:
    """Return size and version of a file; nothing of a link that leads nowhere."""
    try:
        facts = Path(path).stat()
    except OSError:
        return None, None
    return facts.st_size, str(facts.st_mtime_ns)


def _walk_store(store: Any, path: str, protocol: str) -> Iterator[StoredFile]:  # noqa: ANN401
    address = f"{protocol}://{path}"
    try:
        entries = _with_retries(lambda: store.ls(path, detail=True), address)
    except FileNotFoundError as error:
        raise DataError(f"{address} does not exist, or nothing is below it") from error
    except OSError as error:
        raise DataError(f"cannot list {address}: {_reason(error)}") from error
    for entry in sorted(entries, key=lambda entry: entry["name"]):
        name = entry["name"].rstrip("/")
        if name.rpartition("/")[2].startswith(".") or name == path.rstrip("/"):
            continue
        if entry["type"] == "directory":
            yield from _walk_store(store, name, protocol)
        else:
            version = entry.get("e_tag") or entry.get("ETag") or entry.get("mtime")
            size = entry.get("size")
            yield StoredFile(f"{protocol}://{name}", size, version and str(version))


def _read_local(path: str, start: int | None, length: int | None) -> bytes:
    if start is None:
        return Path(path).read_bytes()
    with Path(path).open("rb") as stream:
        stream.seek(start)
        return stream.read(-1 if length is None else length)


def _with_retries(request: Callable[[], T], address: str) -> T:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return request()
        except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
            raise type(error)(error.errno or 0, _reason(error), address) from error
        except (OSError, _store_errors()) as error:
            if attempt == ATTEMPTS or not is_url(address):
                raise OSError(0, _reason(error), address) from error
            time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


def _reason(error: BaseException) -> str:
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
    return re.sub(r"Error performing .*? in [\d.]+m?s - ", "", line)


@lru_cache(maxsize=1)
def _store_errors() -> type[Exception]:
    """Return what obstore raises beside ``OSError``; a class that nothing raises without it."""
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415
    except ImportError:
        return ArithmeticError
    return BaseError


def _open(address: str) -> tuple[Any, str]:
    """Return the store of an address, and the path inside it."""
    protocol, _, path = address.partition("://")
    return _store(protocol, os.getpid()), path.rstrip("/")


@lru_cache(maxsize=8)
def _store(protocol: str, _process: int) -> Any:  # noqa: ANN401 - fsspec has no types
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
