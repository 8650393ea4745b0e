"""Images inside files: members of WebDataset tar shards, and rows of Parquet files."""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from fauxto.core import storage
from fauxto.core.errors import DataError
from fauxto.core.labels import FOLDER_LABELS, FOLDER_SPLITS, Label, Split
from fauxto.core.stores import polars_options
from fauxto.data.layout import IMAGE_SUFFIXES
from fauxto.data.stored import StoredImage, scan_parquet

_BLOCK: Final = 1 << 18
"""Bytes that one request brings while a tar's headers are read."""
_SIDECAR_BYTES: Final = 1 << 20
_SIDECARS: Final = ("cls", "json", "txt")
_IMAGE_COLUMNS: Final = ("image", "bytes", "jpg", "png", "img")
_ROWS: Final = 65_536


@dataclass(frozen=True)
class Told:
    """What is said of an image beside its bytes."""

    label: Label | None = None
    split: Split | None = None
    source: str | None = None
    generator: str | None = None


NOTHING: Final = Told()


def iterate_tar(address: str) -> Iterator[StoredImage]:
    """Yield the images of a WebDataset shard, in the order of the tar; only headers are read.

    Files with the same name up to the first dot of its last part are one sample. Its label is told
    by ``.json`` (``label``, also ``split``, ``source``, ``generator``), by ``.cls`` or ``.txt``
    with a label's name, or by the folders in the member's own name. Class numbers are not taken,
    since data sets differ on which is which.

    Raises:
        DataError: it is no uncompressed tar, or a label in it is not known.
    """
    stream = io.BufferedReader(_Ranged(address), _BLOCK)
    try:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            key, told = "", NOTHING
            images: list[tarfile.TarInfo] = []
            for member in tar:
                if not member.isfile():
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, kind = name.partition(".")
                if f"{folder}/{stem}" != key:
                    yield from _label(address, images, told)
                    key, images, told = f"{folder}/{stem}", [], NOTHING
                if f".{kind.lower().rpartition('.')[2]}" in IMAGE_SUFFIXES:
                    images.append(member)
                elif kind.lower() in _SIDECARS and member.size <= _SIDECAR_BYTES:
                    told = _merge(told, _read_sidecar(tar, member, address))
            yield from _label(address, images, told)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, DataError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{address} cannot be read as an uncompressed tar ({reason}): shards must be plain .tar"
        ) from error


def _label(address: str, members: list[tarfile.TarInfo], told: Told) -> Iterator[StoredImage]:
    for member in members:
        here = _merge(told, read_names(member.name.split("/")[:-1]))
        yield StoredImage(
            path=f"{address}/{member.name}",
            address=address,
            offset=member.offset_data,
            length=member.size,
            label=here.label,
            split=here.split,
            source=here.source,
            generator=here.generator,
        )


def _merge(first: Told, second: Told) -> Told:
    return Told(
        first.label or second.label,
        first.split or second.split,
        first.source or second.source,
        first.generator or second.generator,
    )


def read_names(folders: list[str]) -> Told:
    """Return the label and split that the names of folders tell; two labels tell nothing."""
    labels = {FOLDER_LABELS[name.lower()] for name in folders if name.lower() in FOLDER_LABELS}
    splits = {FOLDER_SPLITS[name.lower()] for name in folders if name.lower() in FOLDER_SPLITS}
    return Told(
        next(iter(labels)) if len(labels) == 1 else None,
        next(iter(splits)) if len(splits) == 1 else None,
    )


def read_told(row: Mapping[str, Any], where: str) -> Told:
    """Return what a row's ``label``, ``split``, ``source`` and ``generator`` say.

    Raises:
        DataError: the label or split is not known.
    """
    label, split = _text(row.get("label")), _text(row.get("split"))
    if label and label.lower() not in FOLDER_LABELS:
        raise DataError(
            f"{where} has the label {label!r}: write real or fake (numbers are not taken, since "
            "data sets differ on which is which)"
        )
    if split and split.lower() not in FOLDER_SPLITS:
        raise DataError(f"{where} has the split {split!r}: write train, val or test")
    return Told(
        FOLDER_LABELS[label.lower()] if label else None,
        FOLDER_SPLITS[split.lower()] if split else None,
        _text(row.get("source")),
        _text(row.get("generator")),
    )


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None


def _read_sidecar(tar: tarfile.TarFile, member: tarfile.TarInfo, address: str) -> Told:
    stream = tar.extractfile(member)
    text = "" if stream is None else stream.read().decode("utf-8", "replace")
    where = f"{address}/{member.name}"
    if member.name.lower().endswith(".json"):
        try:
            row = json.loads(text)
        except ValueError as error:
            raise DataError(f"{where} is not JSON: {error}") from error
        return read_told(row, where) if isinstance(row, dict) else NOTHING
    if member.name.lower().endswith(".txt") and text.strip().lower() not in FOLDER_LABELS:
        return NOTHING  # a caption
    return read_told({"label": text}, where)


def pack_tar(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a tar of the members, in their order; equal members give equal bytes.

    Every header is one block, so that ``tar_span`` tells where each member lies.

    Args:
        members: names, of at most 100 ASCII characters, and contents.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)  # owner 0, time 0
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def tar_span(size: int) -> int:
    """Return how many bytes of a tar a member takes up: its header and content in whole blocks.

    >>> tar_span(0), tar_span(1), tar_span(512)
    (512, 1024, 1024)
    """
    return tarfile.BLOCKSIZE * (1 - -size // tarfile.BLOCKSIZE)


class _Ranged(io.RawIOBase):
    """A file at any address, read piece by piece."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.size = storage.size_of(address)
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = start + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - the base's
        length = min(len(buffer), self.size - self.position)
        if length <= 0:
            return 0
        buffer[:length] = storage.read(self.address, self.position, length)
        self.position += length
        return length


def image_column(address: str) -> str | None:
    """Return the column of a Parquet file that holds images' bytes; None for other tables.

    Raises:
        DataError: it cannot be read as Parquet.
    """
    try:
        schema = scan_parquet(address).collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{address} cannot be read as Parquet: {reason}") from error
    for name in _IMAGE_COLUMNS:
        kind = schema.get(name)
        if kind == pl.Binary:
            return name
        if isinstance(kind, pl.Struct) and any(
            field.name == "bytes" and field.dtype == pl.Binary for field in kind.fields
        ):
            return f"{name}.bytes"
    return None


def iterate_parquet(address: str, column: str) -> Iterator[StoredImage]:
    """Yield the rows of a Parquet file with images; their bytes are not read.

    A ``label`` of numbers is taken only where the file says what they are called, as Hugging Face's
    data sets do.

    Raises:
        DataError: a label or split is not known.
    """
    lazy = scan_parquet(address)
    names = lazy.collect_schema().names()
    told = [name for name in ("label", "split", "source", "generator") if name in names]
    called = _class_names(address) if "label" in names else []
    frame_of = lazy.select(told) if told else lazy.select(pl.lit(None).alias("none"))
    total = lazy.select(pl.len()).collect().item()
    by_folder = read_names(address.split("/")[:-1])
    for start in range(0, total, _ROWS):
        size = min(_ROWS, total - start)
        rows: list[dict[str, Any]] = (
            frame_of.slice(start, size).collect().to_dicts() if told else [{}] * size
        )
        for number, row in enumerate(rows, start=start):
            label = row.get("label")
            if isinstance(label, int) and 0 <= label < len(called):
                row = {**row, "label": called[label]}
            here = _merge(read_told(row, f"{address}, row {number},"), by_folder)
            yield StoredImage(
                path=f"{address}/{number:09d}",
                address=address,
                offset=number,
                column=column,
                label=here.label,
                split=here.split,
                source=here.source,
                generator=here.generator,
            )


def _class_names(address: str) -> list[str]:
    """Return what the numbers of ``label`` are called, by the file's own description."""
    options = polars_options() if storage.is_url(address) else None
    metadata = pl.read_parquet_metadata(address, storage_options=options)
    try:
        names = json.loads(metadata["huggingface"])["info"]["features"]["label"]["names"]
    except (KeyError, ValueError, TypeError):
        return []
    return [str(name) for name in names]
