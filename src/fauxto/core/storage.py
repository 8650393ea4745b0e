"""Files where they are: on this machine, or at an address with ``://``, read and written alike."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from fauxto.core.errors import ArtifactError, DataError
from fauxto.core.stores import (
    ATTEMPTS,
    OBJECT_STORES,
    ask,
    describe_failure,
    open_store,
    with_retries,
)

Address = Path | str
"""Where a file or folder is: a path on this machine, or, as a string, a path or URL."""

_REMOVED_AT_ONCE: Final = 16
Place = TypeVar("Place", bound=Path | str)


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


def is_url(address: Address) -> bool:
    """Return whether an address needs a store's client, by its ``://``.

    >>> is_url("s3://bucket/pictures"), is_url("pictures/a.jpg")
    (True, False)
    """
    return "://" in str(address)


def locate(text: Address) -> Address:
    """Return what a user gave as an address: a URL as it is, anything else as a path.

    >>> locate("s3://bucket/AUDIT"), locate("AUDIT").name
    ('s3://bucket/AUDIT', 'AUDIT')
    """
    return text if is_url(text) else Path(text)


def join(folder: Place, name: str) -> Place:
    """Return the address of a file below a folder or prefix, of the folder's own type."""
    joined = f"{str(folder).rstrip('/')}/{name}" if is_url(folder) else Path(folder) / name
    return cast("Place", joined if isinstance(folder, Path) else str(joined))


def read(address: Address, start: int | None = None, length: int | None = None) -> bytes:
    """Return a file's bytes, or ``length`` of them from ``start``.

    Throttled, broken off and short answers are tried again, ``ATTEMPTS`` times with doubling waits.

    Raises:
        OSError: it is missing, may not be read, or every attempt failed; ``strerror`` says which
            in words that hold no times or request numbers, so that equal runs give equal rows.
        MissingExtra: what reads such addresses is not installed.
    """
    end = None if start is None or length is None else start + length

    def attempt() -> bytes:
        if is_url(address):
            store, path = open_store(str(address))
            content = bytes(store.cat_file(path, start=start, end=end))
        else:
            content = _read_local(Path(address), start, length)
        if length is not None and len(content) != length:
            raise OSError(0, f"{len(content)} bytes came where {length} were asked for")
        return content

    return with_retries(attempt, str(address), attempts=ATTEMPTS if is_url(address) else 1)


def write(address: Address, content: bytes) -> None:
    """Write a file so that it is seen whole or not at all.

    Raises:
        ArtifactError: it cannot be written.
        MissingExtra: what writes such addresses is not installed.
    """
    if is_url(address):
        _put(str(address), lambda store, path: store.pipe_file(path, content))
        return
    with atomic_path(address) as temporary:
        temporary.write_bytes(content)


def put(file: Path, address: str) -> None:
    """Copy a file of this machine to a URL so that it is seen whole or not at all.

    It is not read into memory, whatever its size.

    Raises:
        ArtifactError: it cannot be read or written.
        MissingExtra: what writes such addresses is not installed.
    """
    _put(address, lambda store, path: store.put_file(str(file), path))


def get(address: str, file: Path) -> None:
    """Copy a file at a URL to this machine.

    Raises:
        ArtifactError: it cannot be read, or the disk is full.
        MissingExtra: what reads such addresses is not installed.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(read(address))
    except OSError as error:
        raise ArtifactError(
            f"cannot copy {address} to {file}: {describe_failure(error)}"
        ) from error


@contextmanager
def atomic_path(address: Address) -> Iterator[Path]:
    """Give a temporary path on this machine and move what is there when the block ends well.

    The path is beside the address; that of a URL is in the folder for temporary files.

    Raises:
        ArtifactError: the disk is full, or the address cannot be written.
    """
    path = Path(str(address).rpartition("/")[2]) if is_url(address) else Path(address)
    folder = None if is_url(address) else path.parent
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise ArtifactError(f"cannot write {address}: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        if folder is None:
            put(temporary, str(address))
        else:
            temporary.chmod(0o644)
            temporary.replace(path)
    except OSError as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"cannot write {address}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def exists(address: Address) -> bool:
    """Return whether there is a file at an address.

    Raises:
        ArtifactError: the store does not answer.
    """
    if not is_url(address):
        return Path(address).is_file()
    store, path = open_store(str(address))
    try:
        return bool(ask(lambda: store.info(path), str(address))["type"] == "file")
    except FileNotFoundError:
        return False


def remove(address: Address) -> None:
    """Remove a file, if it is there.

    Raises:
        ArtifactError: it may not be removed.
    """
    try:
        if is_url(address):
            store, path = open_store(str(address))
            with_retries(lambda: store.rm_file(path), str(address))
        else:
            Path(address).unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ArtifactError(f"cannot remove {address}: {describe_failure(error)}") from error


def remove_folder(folder: Address, *, keep: str = "") -> None:
    """Remove a folder or prefix, if it is there, with all below, hidden files too.

    Nothing beside it is touched: ``AUDIT2`` does not lie below ``AUDIT``, nor does a file that is
    called like the prefix.

    Args:
        folder: path or URL.
        keep: name of a file directly in it that stays, and its folder with it.

    Raises:
        ArtifactError: something may not be removed.
    """
    try:
        if is_url(folder):
            _remove_at_url(str(folder), keep)
            return
        for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != keep:
                path.unlink()
        if not keep and Path(folder).is_dir():
            Path(folder).rmdir()
    except OSError as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"cannot empty {folder}: {error.strerror}") from error


def walk(folder: str, *, hidden: bool = False) -> Iterator[StoredFile]:
    """Yield the files below a folder or prefix, sorted folder by folder; hidden ones are left out.

    Links to folders are not followed, since they may go round in circles. Only one folder's names
    a level are in memory.

    Args:
        folder: path or URL.
        hidden: yield files and folders whose names begin with a dot too.

    Raises:
        DataError: it cannot be listed.
    """
    yield from (_walk_at_url if is_url(folder) else _walk_local)(folder, hidden=hidden)


def names_in(folder: Address, *, hidden: bool = False) -> set[str]:
    """Return the names directly in a folder; none if there is no such folder.

    Args:
        folder: path or URL.
        hidden: return names that begin with a dot too.

    Raises:
        ArtifactError: it cannot be listed.
    """
    if is_url(folder):
        store, path = open_store(str(folder))
        try:
            found = ask(lambda: store.ls(path, detail=False), str(folder))
        except FileNotFoundError:
            return set()
        # A store's console marks a folder by an empty object of its name: that is nothing inside.
        inside = (str(name).rstrip("/") for name in found)
        names = {name.rpartition("/")[2] for name in inside if name.strip("/") != path.strip("/")}
    else:
        try:
            names = {path.name for path in Path(folder).iterdir()}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise ArtifactError(f"cannot look at {folder}: {error.strerror}") from error
    return {name for name in names if hidden or not name.startswith(".")}


def is_folder(address: Address) -> bool:
    """Return whether an address is a folder, or a prefix with something below.

    Raises:
        ArtifactError: the store does not answer.
    """
    if not is_url(address):
        return Path(address).is_dir()
    store, path = open_store(str(address))
    try:
        return bool(ask(lambda: store.ls(path, detail=False), str(address))) and not exists(address)
    except FileNotFoundError:
        return False


def size_of(address: str) -> int:
    """Return a file's size in bytes.

    Raises:
        OSError: it is missing or cannot be looked at.
    """
    if not is_url(address):
        return Path(address).stat().st_size
    store, path = open_store(address)
    return int(with_retries(lambda: store.info(path), address)["size"])


def _remove_at_url(folder: str, keep: str) -> None:
    if not is_folder(folder):
        return
    kept = open_store(join(folder, keep))[1]
    found = (file.address for file in walk(folder, hidden=True))
    doomed = [address for address in found if open_store(address)[1] != kept]
    with ThreadPoolExecutor(_REMOVED_AT_ONCE) as pool:
        list(pool.map(remove, doomed))
    if not keep and folder.partition("://")[0] not in OBJECT_STORES:
        store, path = open_store(folder)  # whose empty folders are left
        store.rm(path, recursive=True)


def _put(address: str, request: Callable[[Any, str], object]) -> None:
    """Write by one request that is seen whole, or aside and then in place."""
    store, path = open_store(address)

    def attempt() -> None:
        if address.partition("://")[0] in OBJECT_STORES:
            request(store, path)
            return
        folder, _, name = path.rpartition("/")
        store.makedirs(folder, exist_ok=True)
        request(store, f"{folder}/.{name}.part")
        store.mv(f"{folder}/.{name}.part", path)

    try:
        with_retries(attempt, address)
    except (OSError, NotImplementedError) as error:  # the latter from stores that only read
        raise ArtifactError(f"cannot write {address}: {describe_failure(error)}") from error


def _walk_local(folder: str, *, hidden: bool) -> Iterator[StoredFile]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan)
    except OSError as error:
        raise DataError(f"cannot list the folder {folder}: {error.strerror}") from error
    for name, is_dir in entries:
        if name.startswith(".") and not hidden:
            continue
        path = str(Path(folder) / name)
        if is_dir:
            yield from _walk_local(path, hidden=hidden)
        else:
            yield StoredFile(path, *_facts(path))


def _facts(path: str) -> tuple[int | None, str | None]:
    """Return size and version of a file; nothing of a link that leads nowhere."""
    try:
        facts = Path(path).stat()
    except OSError:
        return None, None
    return facts.st_size, str(facts.st_mtime_ns)


def _walk_at_url(folder: str, *, hidden: bool) -> Iterator[StoredFile]:
    store, path = open_store(folder)
    try:
        entries = with_retries(lambda: store.ls(path, detail=True), folder)
    except FileNotFoundError as error:
        raise DataError(f"{folder} does not exist, or nothing is below it") from error
    except OSError as error:
        raise DataError(f"cannot list {folder}: {describe_failure(error)}") from error
    for entry in sorted(entries, key=lambda entry: entry["name"]):
        name = entry["name"].rstrip("/")
        is_hidden = name.rpartition("/")[2].startswith(".")
        if (is_hidden and not hidden) or name == path:
            continue
        address = name if is_url(name) else f"{folder.partition('://')[0]}://{name}"
        if entry["type"] == "directory":
            yield from _walk_at_url(address, hidden=hidden)
        else:
            version = entry.get("e_tag") or entry.get("ETag") or entry.get("mtime")
            yield StoredFile(address, entry.get("size"), version and str(version))


def _read_local(path: Path, start: int | None, length: int | None) -> bytes:
    if start is None:
        return path.read_bytes()
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(-1 if length is None else length)
