"""Texts from files, made fit to be shown."""

from collections.abc import Mapping
from typing import Final

MAX_SHOWN: Final = 200
"""Characters of a value that are shown."""

MAX_DETAILS: Final = 20


def clean(text: str, longest: int = MAX_SHOWN) -> str:
    r"""Return a text as one printable line of bounded length.

    >>> clean("a\n\tb\x00 ")
    'a b'
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest])
    line = " ".join(printable.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def clean_details(values: Mapping[str, object]) -> dict[str, str]:
    """Return the values that are worth showing: cleaned, without the empty, at most twenty."""
    cleaned = {
        clean(name, 40): clean(str(value)) for name, value in values.items() if value is not None
    }
    return dict([(name, value) for name, value in cleaned.items() if value][:MAX_DETAILS])
