"""Labelled images wherever they lie: what ``layout`` recognises on disk, at URLs and in shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fauxto.core import storage
from fauxto.core.errors import DataError
from fauxto.data.collect import TABLE_SUFFIXES, collect, suffix_of
from fauxto.data.layout import (
    DROPPINGS,
    IMAGE_SUFFIXES,
    ORIGIN_TABLES,
    ListedFile,
    add_origins,
    label_names,
    recognise,
    require_both_labels,
)
from fauxto.data.path_table import read_licences, read_origins
from fauxto.data.shards import image_column
from fauxto.data.stored import StoredImage

_SHOWN = 8


@dataclass(frozen=True)
class LabelledImages:
    """All images of a data set.

    Attributes:
        root: folder or prefix that paths are relative to.
        kind: how the layout was understood, in words for the user.
        images: sorted by path; both labels occur.
        versions: of each image's file: changes when it is written anew; None where nothing tells.
    """

    root: str
    kind: str
    images: tuple[StoredImage, ...]
    versions: tuple[str | None, ...]


def list_labelled(
    data: str, *, real: Sequence[Path] = (), fake: Sequence[Path] = ()
) -> LabelledImages:
    """Return every image of a data set with its label, split, source and generator.

    Args:
        data: folder, prefix, table of paths, tar shard or Parquet file with images; path or URL.
        real: folders of real images on this machine, where names do not tell.
        fake: folders of AI images on this machine.

    Raises:
        DataError: it does not exist, holds one class only, or cannot be understood.
        MissingExtra: what opens such an address is not installed.
    """
    if is_plain(data):
        listing = recognise(Path(data), real=real, fake=fake)
        root = str(listing.root)
        paths = [str(listing.root / file.path) for file in listing.files]
        return LabelledImages(
            root,
            listing.kind,
            tuple(map(_place, listing.files, paths)),
            tuple(map(_version, paths)),
        )
    if real or fake:
        raise DataError(f"--real and --fake name folders on this machine, {data} is not one")
    if storage.is_folder(data):
        found = list(storage.walk(data))
        if any(suffix_of(file.address) in IMAGE_SUFFIXES for file in found):
            return _from_names(data, found)
    return _from_shards(data)


def is_plain(data: str) -> bool:
    """Return whether images lie as files on this machine, not at a URL or in shards."""
    return not storage.is_url(data) and not _holds_shards(data)


def list_licences(data: str, root: str) -> dict[str, str]:
    """Return the licences of each source, where the table of images or of their origins tells.

    Args:
        data: as given to ``list_labelled``.
        root: where its paths begin.

    Raises:
        DataError: the table cannot be read.
    """
    tables = [storage.join(root, name) for name in ORIGIN_TABLES]
    if suffix_of(data) in TABLE_SUFFIXES and not _holds_shards(data):
        tables = [data]
    table = next((table for table in tables if storage.exists(table)), None)
    return {} if table is None else read_licences(table)


def _holds_shards(data: str) -> bool:
    """Return whether images on this machine lie in shards and not as files."""
    path = Path(data)
    if path.is_dir():
        shards = False
        for file in storage.walk(data):
            suffix = suffix_of(file.address)
            if suffix in IMAGE_SUFFIXES:
                return False
            shards = shards or suffix == ".tar"
            shards = shards or (suffix == ".parquet" and image_column(file.address) is not None)
        return shards
    if path.suffix.lower() == ".parquet" and path.is_file():
        return image_column(data) is not None
    return path.suffix.lower() == ".tar"


def _place(file: ListedFile, address: str) -> StoredImage:
    return StoredImage(
        file.path,
        address,
        label=file.label,
        split=file.split,
        source=file.source,
        generator=file.generator,
    )


def _version(path: str) -> str | None:
    try:
        facts = Path(path).stat()
    except OSError:
        return None
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _from_names(data: str, found: Sequence[storage.StoredFile]) -> LabelledImages:
    """Label the files below a prefix by their names, as those of a folder on disk."""
    root = data.rstrip("/")
    files = {file.address.removeprefix(f"{root}/"): file for file in found}
    names = [name for name in files if not DROPPINGS & set(name.lower().split("/"))]
    kind, listed = label_names(root, names)
    for table in ORIGIN_TABLES:
        if table in files:
            origins = read_origins(files[table].address)
            kind, listed = add_origins(kind, listed, origins, table)
            break
    require_both_labels(root, kind, listed)
    listed = tuple(sorted(listed, key=lambda file: file.path))
    here = [files[file.path] for file in listed]
    images = tuple(_place(file, at.address) for file, at in zip(listed, here, strict=True))
    return LabelledImages(root, kind, images, tuple(file.version for file in here))


def _from_shards(data: str) -> LabelledImages:
    inside = storage.is_folder(data)
    root = data.rstrip("/") if inside else data.rpartition("/")[0] or "."
    images = [
        StoredImage(
            image.path.removeprefix(f"{root}/"),
            image.address,
            image.offset,
            image.length,
            image.column,
            image.label,
            image.split,
            image.source,
            image.generator,
        )
        for image in collect([data])
    ]
    without = [image.path for image in images if image.label is None]
    if without:
        raise DataError(
            f"{data} holds {len(without)} images without a label ({', '.join(without[:_SHOWN])}): "
            "give each a .json or .cls with label real or fake, a label column, or a folder's name"
        )
    if len({image.label for image in images}) == 1:
        raise DataError(f"{data} holds only {images[0].label} images: both classes are needed")
    images.sort(key=lambda image: image.path)
    seen = [image.path for image in images]
    twice = next((path for path, after in pairwise(seen) if path == after), None)
    if twice is not None:
        raise DataError(f"{data} names {twice} twice: keep one of them")
    shards = {image.address for image in images}
    kind = f"{len(images)} images in {len(shards)} files below {root}"
    return LabelledImages(root, kind, tuple(images), (None,) * len(images))
