"""Which files of a folder are real and which are fake, by the names of the folders they lie in.

Recognised are the names of ``FOLDER_LABELS`` and ``FOLDER_SPLITS`` at any depth and in any case;
other folders are the source and, for fakes, the generator. Nothing is guessed and nothing depends
on sort order: what is unknown or ambiguous is an error that shows the folders found.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Final

from fauxto.core.artifacts import IMAGES
from fauxto.core.errors import DataError
from fauxto.core.labels import FOLDER_LABELS, FOLDER_SPLITS, LABELS, Label, Split
from fauxto.data.listing import ListedFile, Listing
from fauxto.data.path_table import Origin, read_listing, read_origins

__all__ = ["ListedFile", "Listing", "recognise"]

DROPPINGS: Final = {"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"}
IMAGE_SUFFIXES: Final = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".avif", ".heic", ".heif",
}  # fmt: skip
ORIGIN_TABLES: Final = (IMAGES, "images.csv")
_FLAGS: Final = (
    "name the folders real and fake (also below train, val, test), or say which is which with "
    "--real DIR --fake DIR"
)


@dataclass(frozen=True)
class _Place:
    """What the names of a file's folders say.

    Attributes:
        label: None where no folder tells.
        split: None where no folder tells.
        others: names that tell neither, outermost first.
    """

    label: Label | None
    split: Split | None
    others: tuple[str, ...]


def recognise(data: Path, *, real: Sequence[Path] = (), fake: Sequence[Path] = ()) -> Listing:
    """Return every file of a data set with its label, split, source and generator.

    Args:
        data: a folder in one of the known layouts, or a table (CSV, Parquet, JSON) with the
            columns ``path`` and ``label`` and optionally ``split``, ``source``, ``generator``.
        real: folders that hold real images, given as they are or relative to ``data``; with
            ``fake``, names of folders are not looked at for labels.
        fake: folders that hold AI images.

    Raises:
        DataError: it does not exist, holds no images, holds one class only, or cannot be
            understood.
    """
    if not data.exists():
        raise DataError(f"{data} does not exist: name a folder of images or a table of paths")
    if real or fake:
        listing = _list_given(data, real, fake)
    elif data.is_dir():
        listing = _list_folder(data)
    else:
        listing = read_listing(data)
    require_both_labels(data, listing.kind, listing.files)
    return replace(listing, files=tuple(sorted(listing.files, key=lambda file: file.path)))


def require_both_labels(data: Path | str, kind: str, files: Sequence[ListedFile]) -> None:
    """Check that there are images of both labels.

    Raises:
        DataError: there are not.
    """
    if not files:
        raise DataError(f"{data} holds no images: name a folder or table that does")
    found = {file.label for file in files}
    if len(found) < len(LABELS):
        (only,) = found
        raise DataError(
            f"{data} holds only {only} images ({len(files)} files; {kind}): both "
            f"classes are needed; {_FLAGS}"
        )


def _walk(root: Path, folder: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[str]:
    """Yield the files below a folder, relative to ``root``.

    Linked folders are followed, except where that would go round in circles: such a link is
    yielded as if it were a file, so that it ends as an unreadable row and not in silence. Names
    that are not UTF-8 are yielded escaped, and end so too.
    """
    try:
        facts = (root / folder).stat()
        with os.scandir(root / folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"cannot list the folder {root / folder}: {error.strerror}") from error
    here = (*above, (facts.st_dev, facts.st_ino))
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in DROPPINGS:
            continue
        path = f"{folder}/{entry.name}" if folder else entry.name
        if _is_new_folder(entry, here):
            yield from _walk(root, path, here)
        else:
            yield os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_new_folder(entry: os.DirEntry[str], above: tuple[tuple[int, int], ...]) -> bool:
    try:
        if not entry.is_dir():
            return False
        facts = entry.stat()
    except OSError:  # a link that cannot be resolved: not a folder that can be walked
        return False
    return (facts.st_dev, facts.st_ino) not in above


def _list_folder(data: Path) -> Listing:
    return _join_origins(Listing(data, *label_names(data, _walk(data))))


def label_names(data: Path | str, names: Iterable[str]) -> tuple[str, tuple[ListedFile, ...]]:
    """Return how the names of files were understood, in words, and the files with their labels.

    Args:
        data: the folder or prefix that they lie in, for messages.
        names: relative to it, ``/`` between folders.

    Raises:
        DataError: labels or splits are missing or ambiguous.
    """
    places: dict[str, _Place] = {}
    labelled: list[tuple[str, _Place]] = []
    unlabelled: list[str] = []
    for path in names:
        folder = path.rpartition("/")[0]
        place = places.get(folder) or places.setdefault(folder, _read_place(data, folder))
        if place.label is not None:
            labelled.append((path, place))
        elif Path(path).suffix.lower() in IMAGE_SUFFIXES:
            unlabelled.append(path)
    _require_recognised(data, labelled, unlabelled)
    used = {place for _, place in labelled}
    _require_all_or_no_splits(data, places)
    columns = zip(*(place.others for place in used), strict=False)
    wrapper = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, columns))
    files = (_to_file(path, place, wrapper) for path, place in labelled)
    folders = [folder for folder, place in places.items() if place.label is not None]
    return _describe(folders), tuple(files)


def _read_place(data: Path | str, folder: str) -> _Place:
    names = folder.split("/") if folder else []
    labels = {label for name in names if (label := FOLDER_LABELS.get(name.lower()))}
    splits = {split for name in names if (split := FOLDER_SPLITS.get(name.lower()))}
    if len(labels) > 1:
        raise DataError(f"{data}/{folder} is ambiguous, it says real and fake: {_FLAGS}")
    if len(splits) > 1:
        raise DataError(
            f"{data}/{folder} is ambiguous, it names {' and '.join(sorted(splits))}: "
            "rename one of the folders, or use a table with path,label,split"
        )
    others = tuple(n for n in names if n.lower() not in FOLDER_LABELS.keys() | FOLDER_SPLITS.keys())
    return _Place(next(iter(labels), None), next(iter(splits), None), others)


def _to_file(path: str, place: _Place, wrapper: int) -> ListedFile:
    """Make a listed file; the first ``wrapper`` other folders hold everything and say nothing."""
    others = place.others[wrapper:]
    if place.label is None:
        raise DataError(f"{path} has no label")
    return ListedFile(
        path=path,
        label=place.label,
        split=place.split,
        source="/".join(others) or None,
        generator=others[0] if others and place.label is Label.FAKE else None,
    )


def _require_recognised(
    data: Path | str, labelled: list[tuple[str, _Place]], unlabelled: list[str]
) -> None:
    if not unlabelled:
        return
    folders = sorted({path.rpartition("/")[0] or "." for path in unlabelled})
    shown = ", ".join(folders[:8]) + (f" and {len(folders) - 8} more" if len(folders) > 8 else "")
    what = "also holds" if labelled else "holds"
    raise DataError(
        f"{data} {what} {len(unlabelled)} images in folders that do not say real or fake "
        f"({shown}): {_FLAGS}"
    )


def _require_all_or_no_splits(data: Path | str, places: dict[str, _Place]) -> None:
    labelled = {folder: place for folder, place in places.items() if place.label is not None}
    without = sorted(folder for folder, place in labelled.items() if place.split is None)
    if without and len(without) < len(labelled):
        raise DataError(
            f"{data} is ambiguous: some folders are in train, val or test and others are not "
            f"({', '.join(without[:8])}): move them, or use a table with path,label,split"
        )


def _describe(folders: list[str]) -> str:
    """Return the layout in words, for example ``folders {test,train}/{fake,real}``."""
    columns: dict[tuple[str, ...], list[set[str]]] = {}
    for folder in folders:
        names = folder.split("/")
        kinds = tuple(_name_kind(name) for name in names)
        seen = columns.setdefault(kinds, [set() for _ in names])
        for values, name in zip(seen, names, strict=True):
            values.add(name)
    patterns = ["/".join(map(_alternatives, kinds, seen)) for kinds, seen in columns.items()]
    return "folders " + " and ".join(sorted(patterns)[:4])


def _name_kind(name: str) -> str:
    if name.lower() in FOLDER_LABELS:
        return "label"
    return "split" if name.lower() in FOLDER_SPLITS else "other"


def _alternatives(kind: str, names: set[str]) -> str:
    if len(names) == 1:
        return next(iter(names))
    return f"({len(names)} folders)" if kind == "other" else "{" + ",".join(sorted(names)) + "}"


def _join_origins(listing: Listing) -> Listing:
    table = next((path for name in ORIGIN_TABLES if (path := listing.root / name).is_file()), None)
    if table is None:
        return listing
    kind, files = add_origins(listing.kind, listing.files, read_origins(table), table.name)
    return replace(listing, kind=kind, files=files)


def add_origins(
    kind: str, files: tuple[ListedFile, ...], origins: Mapping[str, Origin], table: str
) -> tuple[str, tuple[ListedFile, ...]]:
    """Return the files with source and generator as a table tells them, and so the words."""
    matched = sum(file.path in origins for file in files)
    if not matched:
        return kind, files
    told = tuple(
        replace(file, source=known.source, generator=known.generator)
        if (known := origins.get(file.path))
        else file
        for file in files
    )
    return f"{kind}; source and generator of {matched} files from {table}", told


def _list_given(data: Path, real: Sequence[Path], fake: Sequence[Path]) -> Listing:
    if not (real and fake):
        missing = "--fake" if real else "--real"
        raise DataError(f"--real and --fake go together: {missing} DIR is missing")
    given = {Label.REAL: _resolve(data, real), Label.FAKE: _resolve(data, fake)}
    folders = [folder for label in LABELS for folder in given[label]]
    root = data.resolve() if data.is_dir() else data.resolve().parent
    if not all(folder.is_relative_to(root) for folder in folders):
        root = Path(os.path.commonpath([folder.parent for folder in folders]))
    files: dict[str, ListedFile] = {}
    for label, named in given.items():
        for folder in named:
            prefix = folder.relative_to(root).as_posix()
            for inside in _walk(folder):
                path = inside if prefix == "." else f"{prefix}/{inside}"
                if path in files:
                    raise DataError(f"{root / path} lies in two of the folders given")
                splits = {FOLDER_SPLITS.get(name.lower()) for name in path.split("/")[:-1]} - {None}
                split = next(iter(splits)) if len(splits) == 1 else None
                files[path] = ListedFile(path, label, split)
    shown = {label: ", ".join(str(folder) for folder in given[label]) for label in LABELS}
    kind = f"real from {shown[Label.REAL]}; fake from {shown[Label.FAKE]}"
    return _join_origins(Listing(root, kind, tuple(files.values())))


def _resolve(data: Path, folders: Sequence[Path]) -> list[Path]:
    resolved = []
    for folder in folders:
        found = next((path for path in (folder, data / folder) if path.is_dir()), None)
        if found is None:
            raise DataError(f"{folder} is not a folder, also not below {data}")
        resolved.append(found.resolve())
    return resolved
