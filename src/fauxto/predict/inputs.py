"""What the user named on the command line, as a list of images in the same order."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from fauxto.core.errors import DataError
from fauxto.data.path_table import read_paths
from fauxto.imaging.signature import identify_format

IMAGE_SUFFIXES: Final = frozenset(
    (
        ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
        ".avif", ".heic", ".heif",
    )
)  # fmt: skip
"""Endings by which pictures are found in a folder; a file named outright may have any."""

TABLE_SUFFIXES: Final = frozenset((".csv", ".parquet", ".json", ".jsonl", ".ndjson"))


@dataclass(frozen=True)
class ImageInput:
    """One image to look at.

    Attributes:
        name: how the caller names it; for files a path that opens from where the command ran.
        content: where its bytes are, or the bytes.
    """

    name: str
    content: Path | bytes


def expand_inputs(arguments: Sequence[str], stdin: BinaryIO) -> list[ImageInput]:
    """Return the images that the arguments name, in their order.

    Args:
        arguments: files, folders (searched recursively, sorted), patterns with ``*``, tables with
            a ``path`` column (CSV, Parquet, JSON), or ``-`` for standard input: the bytes of one
            image, or paths one a line.
        stdin: where ``-`` reads from.

    Raises:
        DataError: a folder or pattern holds no picture, or a table has no ``path`` column.
    """
    return [found for argument in arguments for found in _expand(argument, stdin)]


def _expand(argument: str, stdin: BinaryIO) -> Iterator[ImageInput]:
    path = Path(argument)
    if argument == "-":
        yield from _from_stdin(stdin.read())
    elif path.is_dir():
        yield from _from_folder(path)
    elif path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
        yield from _from_table(path)
    elif not os.path.lexists(path) and glob.has_magic(argument):
        found = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - absolute too
        if not found:
            raise DataError(f"no file matches the pattern {argument}")
        yield from (ImageInput(name, Path(name)) for name in found if Path(name).is_file())
    else:
        yield ImageInput(argument, path)


def _from_stdin(content: bytes) -> Iterator[ImageInput]:
    if identify_format(content) is not None:
        yield ImageInput("-", content)
        return
    for line in os.fsdecode(content).splitlines():
        if line.strip():
            yield ImageInput(line, Path(line))


def _from_folder(folder: Path) -> Iterator[ImageInput]:
    found = sorted(
        Path(parent) / name
        for parent, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")
    )
    if not found:
        raise DataError(
            f"{folder} holds no file with a picture's ending ({' '.join(sorted(IMAGE_SUFFIXES))})"
        )
    yield from (ImageInput(str(path), path) for path in found)


def _from_table(table: Path) -> Iterator[ImageInput]:
    for name in read_paths(table):
        path = table.parent / name
        yield ImageInput(str(path), path)
