"""Reports under a folder: found by their stamps, and served without leaving the folder."""

import html
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fauxto.core.artifacts import PAGE

SERVED_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".tex": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".toml": "text/plain; charset=utf-8",
}
"""Endings that are served; weights, tables and everything else are not."""
MAX_REPORTS: Final = 500
MAX_DEPTH: Final = 6
_TITLE: Final = re.compile(r"<title>(.{1,300}?)(?: · fauxto)?</title>", re.DOTALL)
_KIND: Final = re.compile(r'<p class="brand">fauxto <span>(.{1,100}?)</span>', re.DOTALL)
_HEAD_BYTES: Final = 65_536


@dataclass(frozen=True)
class Report:
    """One page in the list.

    Attributes:
        title: the page's own.
        kind: what wrote it, in words; empty if the page does not say.
        folder: where it lies under the root, with ``/``.
        address: relative to the list's.
        written: day and time, UTC.
    """

    title: str
    kind: str
    folder: str
    address: str
    written: str


def list_reports(root: Path) -> list[Report]:
    """Return the fauxto pages under a folder, those last written first, at most ``MAX_REPORTS``."""
    found = sorted(_walk(root), key=lambda page: page.stat().st_mtime, reverse=True)
    reports = []
    for page in found:
        report = _describe(root, page)
        if report is not None:
            reports.append(report)
        if len(reports) == MAX_REPORTS:
            break
    return reports


def _walk(root: Path) -> Iterator[Path]:
    base = len(root.parts)
    for folder, below, names in os.walk(root):
        depth = len(Path(folder).parts) - base
        below[:] = sorted(name for name in below if not name.startswith(".")) * (depth < MAX_DEPTH)
        page = Path(folder) / PAGE
        if PAGE in names and not page.is_symlink():
            yield page


def _describe(root: Path, page: Path) -> Report | None:
    with page.open("rb") as stream:
        head = stream.read(_HEAD_BYTES).decode("utf-8", "replace")
    if 'name="generator" content="fauxto"' not in head:
        return None
    title, kind = _TITLE.search(head), _KIND.search(head)
    folder = page.parent.relative_to(root).as_posix()
    return Report(
        title=html.unescape(title.group(1)) if title else folder,
        kind=html.unescape(kind.group(1)) if kind else "",
        folder=folder,
        address=quote(page.relative_to(root).as_posix()),
        written=datetime.fromtimestamp(page.stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def find_file(root: Path, path: str) -> Path | None:
    """Return the file at a path under a root; None if it may not be served or is not there.

    Nothing outside the root is ever returned, neither by ``..`` nor by links, and nothing whose
    name or folder begins with a dot.
    """
    parts = path.split("/")
    if "\0" in path or "\\" in path or any(not part or part.startswith(".") for part in parts):
        return None
    try:
        real_root = root.resolve(strict=True)
        found = real_root.joinpath(*parts).resolve(strict=True)
    except OSError:
        return None
    if not found.is_relative_to(real_root) or not found.is_file():
        return None
    return found if found.suffix.lower() in SERVED_TYPES else None
