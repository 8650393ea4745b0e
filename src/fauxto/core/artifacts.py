"""Result folders and files: names, atomic writes, resuming, and never overwriting unasked.

A folder is a ``Path`` on this machine or, as a string, a URL such as ``s3://bucket/AUDIT``.

A folder that a verb writes holds ``fauxto.json``, its stamp. While the verb works, the stamp says
``"finished": false``; called again with the same arguments it resumes, called with others it
refuses. A finished folder is only replaced on request, and a folder without a stamp is never
deleted.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Generic

from pydantic import ValidationError
from typing_extensions import TypeVar

from fauxto.core import storage
from fauxto.core.errors import ArtifactError, OtherResult
from fauxto.core.invalid import describe_invalid
from fauxto.core.records import SCHEMA, ModelCard, Record
from fauxto.core.storage import Address
from fauxto.core.stores import OBJECT_STORES

Folder = TypeVar("Folder", bound=Path | str, default=Path)
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
class Claim(Generic[Folder]):
    """A result folder that a verb may write to (or, when ``DONE``, read from)."""

    folder: Folder
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
    folder: Folder,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    overwrite: bool = False,
    inputs: Iterable[Address] = (),
) -> Claim[Folder]:
    """Make a result folder ready, or say that the same result is already in it.

    Args:
        folder: where the verb will write.
        verb: the verb's name.
        arguments: whatever decides the result; a finished or unfinished folder with equal
            arguments is ``DONE`` or ``RESUMED``.
        overwrite: replace what this verb wrote there before; at a URL, all that is below it.
        inputs: what the verb reads; none may be the folder or lie in it.

    Raises:
        OtherResult: the folder holds a result of other arguments, and ``overwrite`` is not set.
        ArtifactError: the folder holds files that fauxto did not write, another verb's result to
            overwrite, or an input; or it cannot be made.
        MissingExtra: what opens such an address is not installed.
    """
    call = fingerprint(verb, arguments)
    _check_place(folder)
    _check_inputs(folder, inputs)
    stamp_path = storage.join(folder, STAMP)
    stamp = read_json(stamp_path) if storage.exists(stamp_path) else None
    if stamp is None:
        there = storage.names_in(folder, hidden=True)
        if foreign := sorted(name for name in there if not _is_begun_stamp(name)):
            raise ArtifactError(
                f"{folder} holds files that fauxto did not write ({foreign[0]}): choose another "
                f"--out (fauxto deletes only folders with its own {STAMP})"
            )
    elif not overwrite:
        return _claim_existing(folder, stamp, verb, call)
    elif stamp.get("verb") != verb:
        raise ArtifactError(
            f"{folder} holds a result of '{stamp.get('verb')}', which '{verb} --overwrite' does "
            "not replace: choose another --out"
        )
    else:
        # Whoever kills this call must not find half a result that still says it is finished.
        _write_stamp(folder, str(stamp.get("verb")), "being removed", {}, finished=False)
        storage.remove_folder(folder, keep=STAMP)
    _write_stamp(folder, verb, call, arguments, finished=False)
    return Claim(folder, FolderState.NEW, call)


def _check_place(folder: Address) -> None:
    """Refuse what cannot be a result folder, whatever is in it."""
    if isinstance(folder, Path) and re.match(r"[a-z][a-z0-9+.-]+:/", str(folder)):
        raise ArtifactError(f"{folder} is no folder on this machine: only such are written here")
    protocol, _, inside = str(folder).partition("://")
    if protocol in OBJECT_STORES and "/" not in inside.strip("/"):
        # Others may put their own there later, which --overwrite would remove.
        raise ArtifactError(f"{folder} is a whole bucket: name a folder in it, as {folder}/RESULT")
    if storage.exists(folder):
        raise ArtifactError(f"{folder} is a file, not a folder: choose another --out")


def _check_inputs(folder: Address, inputs: Iterable[Address]) -> None:
    """Refuse to write, and perhaps to overwrite, where something is read."""
    target = _normalise(folder)
    for one in inputs:
        if f"{_normalise(one)}/".startswith(f"{target}/"):
            raise ArtifactError(
                f"{one} is read by this command: choose another --out than {folder}"
            )


def _normalise(address: Address) -> str:
    return str(address).rstrip("/") if storage.is_url(address) else str(Path(address).resolve())


def _is_begun_stamp(name: str) -> bool:
    """Return whether a file is what a call killed while it wrote its first stamp leaves behind."""
    return bool(re.fullmatch(r"\.fauxto(-.*\.json|\.json\.part)", name))


def _claim_existing(
    folder: Folder, stamp: Mapping[str, Any], verb: str, call: str
) -> Claim[Folder]:
    if stamp.get("verb") == verb and stamp.get("fingerprint") == call:
        state = FolderState.DONE if stamp.get("finished") else FolderState.RESUMED
        return Claim(folder, state, call)
    kind = "finished" if stamp.get("finished") else "unfinished"
    said = f"{folder} holds a {kind} result of '{stamp.get('verb')}'"
    if stamp.get("verb") != verb:
        raise OtherResult(f"{said}: choose another --out")
    raise OtherResult(
        f"{said} with other arguments or data: choose another --out, or --overwrite to replace it"
    )


def finish_folder(claim: Claim[Any]) -> None:
    """Mark a claimed folder as complete; the verb's last write."""
    stamp_path = storage.join(claim.folder, STAMP)
    write_json(stamp_path, {**read_json(stamp_path), "finished": True})


def require_finished(folder: Address, verb: str) -> None:
    """Check that a folder holds a finished result of a verb.

    Raises:
        ArtifactError: it does not exist, is not a result of that verb, or was interrupted.
    """
    stamp_path = storage.join(folder, STAMP)
    if not storage.exists(stamp_path):
        if storage.is_folder(folder) or storage.exists(folder):
            raise ArtifactError(
                f"{folder} is not a folder written by 'fauxto {verb}': name the --out of that "
                "command"
            )
        raise ArtifactError(f"{folder} does not exist: name a folder written by 'fauxto {verb}'")
    stamp = read_json(stamp_path)
    if stamp.get("verb") != verb:
        raise ArtifactError(
            f"{folder} was written by 'fauxto {stamp.get('verb')}', not by 'fauxto {verb}'"
        )
    if not stamp.get("finished"):
        raise ArtifactError(f"{folder} is unfinished: run 'fauxto {verb}' again to complete it")


def _write_stamp(
    folder: Address, verb: str, call: str, arguments: Mapping[str, Any], *, finished: bool
) -> None:
    write_json(
        storage.join(folder, STAMP),
        {
            "verb": verb,
            "fingerprint": call,
            "arguments": json.loads(json.dumps(arguments, default=str)),
            "finished": finished,
        },
    )


def write_bytes(path: Address, content: bytes) -> None:
    """Write a file atomically."""
    storage.write(path, content)


def write_text(path: Address, content: str) -> None:
    """Write a UTF-8 file atomically."""
    write_bytes(path, content.encode("utf-8", "surrogateescape"))


def write_json(path: Address, content: Mapping[str, Any]) -> None:
    """Write a JSON object atomically, with its schema version first."""
    document = {"schema": SCHEMA, **content}
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Address) -> dict[str, Any]:
    """Read a JSON object and check its schema version.

    Raises:
        ArtifactError: the file is missing, is not JSON, or is from a newer fauxto.
    """
    try:
        document = json.loads(storage.read(path).decode("utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(f"{path} cannot be read as JSON: {reason}") from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{path} is not a JSON object")
    schema = document.get("schema")
    if not isinstance(schema, int) or schema > SCHEMA:
        raise ArtifactError(
            f"{path} has schema {schema!r}, this fauxto knows up to {SCHEMA}: update fauxto"
        )
    return document


def read_document(path: Address, kind: type[Kind], called: str) -> Kind:
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


def read_card(run: Address) -> ModelCard:
    """Return the card of a run folder.

    Raises:
        ArtifactError: it is missing, damaged, or from a newer fauxto.
    """
    return read_document(storage.join(run, CARD), ModelCard, "a valid model card")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
