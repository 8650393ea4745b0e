"""Result folders and files: names, atomic writes, resuming, and never overwriting unasked.

A folder that a verb writes holds ``fauxto.json``, its stamp. While the verb works, the stamp says
``"finished": false``; called again with the same arguments it resumes, called with others it
refuses. A finished folder is only replaced on request, and a folder without a stamp is never
deleted.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from fauxto.core.errors import ArtifactError, OtherResult
from fauxto.core.invalid import describe_invalid
from fauxto.core.records import SCHEMA, ModelCard, Record

Kind = TypeVar("Kind", bound=Record)

STAMP: Final = "fauxto.json"
IMAGES: Final = "images.parquet"
FINDINGS: Final = "findings.json"
STATISTICS: Final = "statistics.json"
BAD_FILES: Final = "bad_files.txt"
PAGE: Final = "index.html"
PREPARE: Final = "prepare.json"
ORIGINALS: Final = "originals.parquet"
RECIPE: Final = "recipe.toml"
WEIGHTS: Final = "weights.safetensors"
CARD: Final = "card.json"
HISTORY: Final = "history.csv"
VALIDATION: Final = "validation.parquet"
CURVES: Final = "curves.svg"
CONTINUED: Final = "continued.json"
SEEDS: Final = "seeds.json"
PREDICTIONS: Final = "predictions.parquet"
METRICS: Final = "metrics.json"
COMPARISON: Final = "comparison.json"
REGIONS: Final = "regions.parquet"
EVALUATION_DIR: Final = "evaluation"
EXPLANATIONS_DIR: Final = "explanations"


class FolderState(StrEnum):
    """What ``claim_folder`` found."""

    NEW = "new"
    RESUMED = "resumed"
    DONE = "done"


@dataclass(frozen=True)
class Claim:
    """A result folder that a verb may write to (or, when ``DONE``, read from)."""

    folder: Path
    state: FolderState
    fingerprint: str


def fingerprint(verb: str, arguments: Mapping[str, Any]) -> str:
    """Return 64 hexadecimal digits that identify a verb's call.

    Args:
        verb: the verb's name.
        arguments: whatever decides the result, as values that JSON can hold.
    """
    text = json.dumps([SCHEMA, verb, arguments], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def claim_folder(
    folder: Path, verb: str, arguments: Mapping[str, Any], *, overwrite: bool = False
) -> Claim:
    """Make a result folder ready, or say that the same result is already in it.

    Args:
        folder: where the verb will write.
        verb: the verb's name.
        arguments: whatever decides the result; a finished or unfinished folder with equal
            arguments is ``DONE`` or ``RESUMED``.
        overwrite: replace what a fauxto verb wrote there before.

    Raises:
        OtherResult: the folder holds a result of other arguments, and ``overwrite`` is not set.
        ArtifactError: the folder holds files that fauxto did not write, or cannot be made.
    """
    call = fingerprint(verb, arguments)
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file, not a folder: choose another --out")
    stamp_path = folder / STAMP
    stamp = read_json(stamp_path) if stamp_path.is_file() else None
    if stamp is None and folder.is_dir() and not all(map(_is_begun_stamp, folder.iterdir())):
        raise ArtifactError(
            f"{folder} holds files that fauxto did not write: choose another --out "
            f"(fauxto deletes only folders with its own {STAMP})"
        )
    if stamp is not None and overwrite:
        shutil.rmtree(folder)
        stamp = None
    if stamp is not None:
        return _claim_existing(folder, stamp, verb, call)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"cannot make the folder {folder}: {error.strerror}") from error
    _write_stamp(folder, verb, call, arguments, finished=False)
    return Claim(folder, FolderState.NEW, call)


def _is_begun_stamp(path: Path) -> bool:
    """Return whether a file is what a call killed while it wrote its first stamp leaves behind."""
    return path.name.startswith(f".{Path(STAMP).stem}-") and path.suffix == Path(STAMP).suffix


def _claim_existing(folder: Path, stamp: Mapping[str, Any], verb: str, call: str) -> Claim:
    if stamp.get("verb") == verb and stamp.get("fingerprint") == call:
        state = FolderState.DONE if stamp.get("finished") else FolderState.RESUMED
        return Claim(folder, state, call)
    kind = "finished" if stamp.get("finished") else "unfinished"
    raise OtherResult(
        f"{folder} holds a {kind} result of '{stamp.get('verb')}' with other arguments or data: "
        "choose another --out, or --overwrite to replace it"
    )


def finish_folder(claim: Claim) -> None:
    """Mark a claimed folder as complete; the verb's last write."""
    stamp = read_json(claim.folder / STAMP)
    write_json(claim.folder / STAMP, {**stamp, "finished": True})


def require_finished(folder: Path, verb: str) -> None:
    """Check that a folder holds a finished result of a verb.

    Raises:
        ArtifactError: it does not exist, is not a result of that verb, or was interrupted.
    """
    stamp_path = folder / STAMP
    if not folder.exists():
        raise ArtifactError(f"{folder} does not exist: name a folder written by 'fauxto {verb}'")
    if not stamp_path.is_file():
        raise ArtifactError(
            f"{folder} is not a folder written by 'fauxto {verb}': name the --out of that command"
        )
    stamp = read_json(stamp_path)
    if stamp.get("verb") != verb:
        raise ArtifactError(
            f"{folder} was written by 'fauxto {stamp.get('verb')}', not by 'fauxto {verb}'"
        )
    if not stamp.get("finished"):
        raise ArtifactError(f"{folder} is unfinished: run 'fauxto {verb}' again to complete it")


def _write_stamp(
    folder: Path, verb: str, call: str, arguments: Mapping[str, Any], *, finished: bool
) -> None:
    write_json(
        folder / STAMP,
        {
            "verb": verb,
            "fingerprint": call,
            "arguments": json.loads(json.dumps(arguments, default=str)),
            "finished": finished,
        },
    )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and move it there when the block ends well.

    Raises:
        ArtifactError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
        os.close(handle)
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 file atomically."""
    write_bytes(path, content.encode("utf-8", "surrogateescape"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object atomically, with its schema version first."""
    document = {"schema": SCHEMA, **content}
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object and check its schema version.

    Raises:
        ArtifactError: the file is missing, is not JSON, or is from a newer fauxto.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{path} is not a JSON object")
    schema = document.get("schema")
    if not isinstance(schema, int) or schema > SCHEMA:
        raise ArtifactError(
            f"{path} has schema {schema!r}, this fauxto knows up to {SCHEMA}: update fauxto"
        )
    return document


def read_document(path: Path, kind: type[Kind], called: str) -> Kind:
    """Read a JSON file as the record that it holds.

    Args:
        path: the file.
        kind: the record.
        called: what the file should be, for the message, such as ``a model card``.

    Raises:
        ArtifactError: it is missing, damaged, or from a newer fauxto.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        raise ArtifactError(f"{path} is not {called}: {describe_invalid(error)}") from error


def read_card(run: Path) -> ModelCard:
    """Return the card of a run folder.

    Raises:
        ArtifactError: it is missing, damaged, or from a newer fauxto.
    """
    return read_document(run / CARD, ModelCard, "a valid model card")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
