"""The terminal: progress bars and notes on stderr, results on stdout, errors as one line."""

import json
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from fauxto.core.errors import FauxtoError
from fauxto.core.extras import find_missing_extra
from fauxto.core.progress import Progress as ProgressCallable
from fauxto.core.progress import silent

EXIT_ERROR = 1
EXIT_GATE = 3
"""A gate did not pass: blocking findings with --strict, or a fake with --fail-on fake."""

_SHOWN = 300
"""Characters of a path in a message."""
EXIT_INTERRUPTED = 130
"""Ctrl-C, as shells count it."""

stdout = Console(highlight=False, markup=False)
stderr = Console(stderr=True, highlight=False, markup=False)


def guarded(command: Callable[[], Any]) -> None:
    """Run the command line; show an error as one line and exit with its code."""
    debug = "--debug" in sys.argv
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if debug:
        logging.getLogger("fauxto").setLevel(logging.DEBUG)
    try:
        command()
    except FauxtoError as error:
        _fail(str(error), debug=debug)
    except ModuleNotFoundError as error:
        missing = find_missing_extra(error, "this command", _name_command())
        unexpected = f"unexpected: {error} (a fault in fauxto; --debug shows where)"
        _fail(str(missing) if missing else unexpected, debug=debug)
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:
            stderr.print(
                "interrupted: what is done stays; the same command goes on", style="yellow"
            )
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_ERROR)
    except Exception as error:  # noqa: BLE001 - the outermost handler
        if isinstance(error, OSError) and error.filename is not None:
            _fail(f"cannot use {str(error.filename)[:_SHOWN]}: {error.strerror}", debug=debug)
        kind = type(error).__name__
        _fail(f"unexpected {kind}: {error} (a fault in fauxto; --debug shows where)", debug=debug)


def _name_command() -> str:
    return next((word for word in sys.argv[1:] if not word.startswith("-")), "")


def _fail(message: str, *, debug: bool) -> None:
    if debug:
        stderr.print_exception()
    line = " ".join(message.split())
    stderr.print(f"error: {line}", style="red", soft_wrap=True)
    sys.exit(EXIT_ERROR)


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[ProgressCallable]:
    """Give a progress callable that draws bars on stderr, one a stage."""
    if quiet:
        yield silent
        return
    tasks: dict[str, TaskID] = {}
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=stderr,
    )

    def show(stage: str, done: int, total: int, note: str = "") -> None:
        if stage not in tasks:
            bars.start()  # not before there is something to show: an error stays one line
            tasks[stage] = bars.add_task(stage, total=total or None, note=note)
        bars.update(tasks[stage], completed=done, total=total or None, note=note)

    try:
        yield show
    finally:
        if tasks:
            bars.stop()


def note(text: str, *, quiet: bool = False) -> None:
    """Print a line on stderr."""
    if not quiet:
        stderr.print(printable(text), soft_wrap=True)


def quote(word: object) -> str:
    """Return a path or address as a shell takes it for one word."""
    return shlex.quote(str(word))


def printable(text: str) -> str:
    """Return text without characters that would move the cursor or cannot be encoded."""
    shown = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object as one line on stdout."""
    sys.stdout.write(json.dumps(content, default=str) + "\n")


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Sequence[int] = (),
) -> None:
    """Print a table on stdout.

    Args:
        title: line above the table.
        columns: headings.
        rows: cells as text.
        numeric: indices of the columns to align right.
    """
    if title:  # a table's own is folded to the table's width
        stdout.print(printable(title), style="bold", markup=False, soft_wrap=True)
    table = Table()
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    stdout.print(table)


def note_reused(out: Path | str, *, reused: bool, quiet: bool) -> None:
    """Say that a finished result of the same call was found, and is shown as it is."""
    if reused:
        note(f"{out} was finished before: shown again (--overwrite makes it again)", quiet=quiet)


def show_chain(page: Path, table: str, *, as_json: bool, quiet: bool) -> None:
    """Print what a whole chain ended in: the comparison and where the report is."""
    if as_json:
        print_json({"report": str(page)})
        return
    sys.stdout.write(table)
    note(f"report: {page}", quiet=quiet)
