"""The fenced blocks of the documentation's pages: which are run, which are not and why.

A block of ``sh`` is run by a test unless its title begins with ``not run here:`` and goes on with
the reason. ``python`` likewise. A block whose title is a file's name is that file.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
NOT_RUN: Final = "not run here: "

_FENCE: Final = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]*)")?\n'
    r"(?P<text>.*?)^(?P=indent)```$",
    flags=re.MULTILINE | re.DOTALL,
)
_INLINE: Final = re.compile(r"`(fauxto(?: [^`]*)?)`")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: where it stands.
        line: number of its first line of text.
        language: such as ``sh``; empty where none is said.
        title: what stands over it; empty where nothing does.
        text: without the fence and its indentation.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def reason(self) -> str | None:
        """Return why the block is not run, or None."""
        return self.title.removeprefix(NOT_RUN) if self.title.startswith(NOT_RUN) else None

    @property
    def file(self) -> str | None:
        """Return the name of the file that the block is, or None."""
        return self.title if re.fullmatch(r"[\w.-]+\.\w+", self.title) else None

    @property
    def where(self) -> str:
        """Return page and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def find_pages() -> list[Path]:
    """Return every page with commands: the README and the documentation, sorted."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read_blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks in order."""
    content = page.read_text("utf-8")
    blocks = []
    for match in _FENCE.finditer(content):
        indent = len(match["indent"])
        lines = [line[indent:] for line in match["text"].splitlines(keepends=True)]
        number = content.count("\n", 0, match.start("text")) + 1
        blocks.append(Block(page, number, match["language"], match["title"] or "", "".join(lines)))
    return blocks


def keep_only_what_is_there_before(page: Path, place: Path) -> None:
    """Remove from a folder what a page makes itself, if it says ``<!-- starts from: A B -->``."""
    said = re.search(r"<!-- starts from: (.*?) -->", page.read_text("utf-8"))
    if said is None:
        return
    for path in place.iterdir():
        if path.name in said[1].split():
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def split_commands(text: str) -> Iterator[list[str]]:
    """Yield the ``fauxto`` commands of a shell block as words, without what they are piped to."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        if "fauxto" not in line:
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("|&;<>"):
                words.append(word)
                continue
            if words[:1] == ["fauxto"]:
                yield words
            words = []


def read_inline(page: Path) -> list[list[str]]:
    """Return the commands in a page's running text as words; they may be parts, with ``…``."""
    prose = _FENCE.sub("", page.read_text("utf-8")).replace("\n", " ")
    return [found.split() for found in _INLINE.findall(prose)]
