"""What the user named on the command line, as images in the same order, found as they are used."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from fauxto.core.errors import DataError, ImageStatus, UnreadableImage
from fauxto.imaging.signature import identify_format
from fauxto.predict.tables import TABLE_SUFFIXES, iterate_paths

IMAGE_SUFFIXES: Final = frozenset(
    (
        ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
        ".avif", ".heic", ".heif",
    )
)  # fmt: skip
"""Endings by which pictures are found in a folder; a file named outright may have any."""

_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True)
class ImageInput:
    """One image to look at.

    Attributes:
        name: how the caller names it; for files a path that opens from where the command ran.
        content: where its bytes are, or the bytes, or why there are none.
    """

    name: str
    content: Path | bytes | UnreadableImage


def expand_inputs(arguments: Sequence[str], stdin: BinaryIO) -> Iterator[ImageInput]:
    """Return the images that the arguments name, in their order.

    Memory stays flat: of a folder only one level's names are held at once, tables are read row
    by row (a ``.json`` list whole), lists on standard input line by line, patterns as names.

    Args:
        arguments: files, folders (searched recursively, sorted), patterns with ``*``, tables with
            a ``path`` column (CSV, Parquet, JSON), or ``-`` for standard input: the bytes of one
            image, or paths one a line.
        stdin: where ``-`` reads from.

    Raises:
        DataError: at once if a folder or pattern holds no picture or a table has no ``path``
            column; while iterating if a table is damaged further on or standard input is empty.
        MissingExtra: a Parquet table was named and what reads it is not installed.
    """
    return chain.from_iterable([_expand(argument, stdin) for argument in arguments])


def _expand(argument: str, stdin: BinaryIO) -> Iterator[ImageInput]:
    path = Path(argument)
    if argument == "-":
        return _from_stdin(stdin)
    # pathlib's own tests raise where a folder above may not be entered.
    if os.path.isdir(path):  # noqa: PTH112
        return _from_folder(path)
    if path.suffix.lower() in TABLE_SUFFIXES and os.path.isfile(path):  # noqa: PTH113
        return _from_table(path)
    if not os.path.lexists(path) and glob.has_magic(argument):
        return _from_pattern(argument)
    return iter([ImageInput(argument, path)])


def _from_pattern(pattern: str) -> Iterator[ImageInput]:
    found = sorted(glob.iglob(pattern, recursive=True))  # noqa: PTH207 - absolute too
    if not found:
        raise DataError(f"no file matches the pattern {pattern}")
    return (ImageInput(name, Path(name)) for name in found if not Path(name).is_dir())


def _from_stdin(stdin: BinaryIO) -> Iterator[ImageInput]:
    head = stdin.read(_SIGNATURE_BYTES)
    if not head:
        raise DataError("standard input is empty: pipe in an image, or paths one a line")
    if identify_format(head) is not None:
        yield ImageInput("-", head + stdin.read())
        return
    first = (head + stdin.readline()).splitlines()
    for line in chain(first, stdin):
        name = os.fsdecode(line.rstrip(b"\r\n"))
        if name.strip():
            yield ImageInput(name, Path(name))


def _from_folder(folder: Path) -> Iterator[ImageInput]:
    found = _walk(folder)
    first = next(found, None)
    if first is None:
        raise DataError(
            f"{folder} holds no file with a picture's ending ({' '.join(sorted(IMAGE_SUFFIXES))})"
        )
    return chain([first], found)


def _walk(folder: Path) -> Iterator[ImageInput]:
    """Yield pictures below a folder, sorted by path; links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            # Names and kinds alone: a folder may hold a million files.
            listed = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except OSError as error:
        reason = UnreadableImage(
            ImageStatus.UNREADABLE, f"the folder cannot be listed: {error.strerror}"
        )
        yield ImageInput(str(folder), reason)
        return
    for name, is_folder in listed:
        path = folder / name
        if is_folder:
            yield from _walk(path)
        elif path.suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
            yield ImageInput(str(path), path)


def _from_table(table: Path) -> Iterator[ImageInput]:
    names = iterate_paths(table)
    return (ImageInput(str(table.parent / name), table.parent / name) for name in names)
