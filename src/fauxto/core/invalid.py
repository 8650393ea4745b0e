"""What is wrong with a document, in words for its writer."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def describe_invalid(error: ValidationError, record: type[BaseModel] | None = None) -> str:
    """Return a validation error as one line: each key's place and what is wrong with it.

    Args:
        error: what pydantic raised.
        record: what a person wrote the document for; then unknown keys are answered with the
            known ones.
    """
    problems = error.errors()
    inner = {problem["loc"][:1] for problem in problems if len(problem["loc"]) > 1}
    return "; ".join(
        f"{_place(problem['loc'])} {_say(problem, record)}".lstrip()
        for problem in problems
        if len(problem["loc"]) > 1 or problem["loc"] not in inner  # which follows from inner ones
    )


def _place(keys: Sequence[str | int]) -> str:
    """Return a key's path as a reader counts: ``name in [[train]] 1``, ``prepare.size_px``."""
    match keys:
        case [str() as section, int() as index, *rest]:
            return f"{'.'.join(map(str, rest))} in [[{section}]] {index + 1}".lstrip()
    return ".".join(map(str, keys))


def _say(problem: Mapping[str, Any], record: type[BaseModel] | None) -> str:
    if problem["type"] == "extra_forbidden":
        known = "" if record is None else f"; {_list_keys(record, problem['loc'][:-1])}"
        return f"is not a setting{known}"
    if problem["type"] == "missing":
        return "is missing" + _show_section(record, problem["loc"])
    if problem["type"] == "tuple_type" and isinstance(problem["input"], dict):
        return f"is one section where there may be several{_show_section(record, problem['loc'])}"
    if problem["type"] == "string_pattern_mismatch":
        return f"= {problem['input']!r}: letters, digits, '.', '_' and '-' only, no '.' first"
    return f"= {problem['input']!r}: {problem['msg'].removeprefix('Value error, ')}"


def _show_section(record: type[BaseModel] | None, keys: Sequence[str | int]) -> str:
    """Return how a section, or a list of them, is written; nothing for other keys."""
    match keys:
        case [str() as key] if record is not None:
            annotation = record.model_fields[key].annotation
            several = get_args(annotation)
            for kind in (annotation, *several):
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    asked = (
                        name for name, field in kind.model_fields.items() if field.is_required()
                    )
                    section = f"[[{key}]]" if several else f"[{key}]"
                    return f": write {section} with {' and '.join(asked)}"
    return ""


def _list_keys(record: type[BaseModel], path: Sequence[str | int]) -> str:
    sections = [part for part in path if isinstance(part, str)]
    for part in sections:
        annotation = record.model_fields[part].annotation
        records = [
            kind
            for kind in (annotation, *get_args(annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        record = next(iter(records), record)
    names = [field.alias or name for name, field in record.model_fields.items()]
    where = f"[{'.'.join(sections)}]" if sections else "the file"
    return f"{where} has {', '.join(names)}"
