"""How results show themselves in a notebook: records and results as small HTML tables.

Jupyter asks an object for ``_repr_html_``. Records and the verbs' results answer with a table of
their fields; whatever they hold that can show itself, such as a polars table, does.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

from pydantic import BaseModel

MAX_ROWS: Final = 20
"""Rows of a table that are shown; the others are counted."""
MAX_DEPTH: Final = 2
"""Tables inside tables that are opened; deeper ones are counted."""


class Shown:
    """A result that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return to_html(self)


def to_html(value: object, depth: int = 0) -> str:
    """Return HTML that shows a value; text in it, such as file names, is escaped."""
    if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
        return _table_of_fields(_fields(value), depth)
    own = getattr(value, "_repr_html_", None)
    if callable(own):
        return str(own())
    if isinstance(value, Mapping):
        return _table_of_fields(value, depth)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return _table_of_items(value, depth)
    return html.escape(_word(value))


def _fields(value: object) -> dict[str, Any]:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    return {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]


def _word(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _table_of_fields(values: Mapping[Any, Any], depth: int) -> str:
    if depth > MAX_DEPTH:
        return _count(len(values))
    rows = [
        f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(str(name))}</th>"
        f"<td style='text-align:left'>{to_html(value, depth + 1)}</td></tr>"
        for name, value in list(values.items())[:MAX_ROWS]
    ]
    return _table(rows, len(values))


def _table_of_items(values: Sequence[Any], depth: int) -> str:
    if all(isinstance(value, int | float | str | None) for value in values):
        shown = ", ".join(html.escape(_word(value)) for value in values[:MAX_ROWS])
        return shown + (" …" if len(values) > MAX_ROWS else "")
    if depth > MAX_DEPTH:
        return _count(len(values))
    if not all(isinstance(value, BaseModel) and type(value) is type(values[0]) for value in values):
        cells = [f"<tr><td>{to_html(value, depth + 1)}</td></tr>" for value in values[:MAX_ROWS]]
        return _table(cells, len(values))
    names = list(type(values[0]).model_fields)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = [
        "".join(
            f"<td style='text-align:left'>{to_html(getattr(value, name), depth + 1)}</td>"
            for name in names
        )
        for value in values[:MAX_ROWS]
    ]
    return _table([f"<tr>{row}</tr>" for row in (head, *rows)], len(values))


def _table(rows: Sequence[str], n: int) -> str:
    more = f"<p>… {n - MAX_ROWS} more</p>" if n > MAX_ROWS else ""
    return f"<table>{''.join(rows)}</table>{more}"


def _count(n: int) -> str:
    return f"{n} {'entry' if n == 1 else 'entries'}"
