"""Leaving one out as CSV, Markdown and a page."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fauxto.core.artifacts import PAGE
from fauxto.metrics.parts import Part
from fauxto.pipeline.held_out_records import HeldOut
from fauxto.report.evaluate_figures import plot_seen_and_unseen
from fauxto.report.page import write_page

_MEASURED: Final = ("roc_auc", "accuracy", "tpr_at_fpr_5")
_ON: Final = ("held_out", "random")
_TITLES: Final = {
    "held_out": "held out",
    "random": "random split",
    "roc_auc": "ROC-AUC",
    "accuracy": "its images right",
    "tpr_at_fpr_5": "fakes found at 5 % false alarms",
}


def to_csv(found: HeldOut) -> str:
    """Return one line a value, fractions in [0, 1]; then the random split as a whole."""
    columns = [
        f"{on}_{name}{end}" for on in _ON for name in _MEASURED for end in ("", "_low", "_high")
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([found.by, "network", "n_real", "n_fake", "completed_by", *columns])
    for row in found.rows:
        writer.writerow(
            [
                row.value,
                row.network,
                row.held_out.n_real,
                row.held_out.n_fake,
                row.completed_by or "",
                *_numbers(row.held_out),
                *_numbers(row.random),
            ]
        )
    whole = found.everything
    blank = _numbers(None)
    writer.writerow(["all", 0, whole.n_real, whole.n_fake, "", *blank, *_numbers(whole)])
    return text.getvalue()


def _numbers(part: Part | None) -> list[str]:
    if part is None:
        return [""] * (3 * len(_MEASURED))
    cells: list[str] = []
    for name in _MEASURED:
        value, interval = getattr(part, name), part.intervals.get(name)
        cells.append("" if value is None else f"{value:.6f}")
        cells += [f"{end:.6f}" for end in interval] if interval else ["", ""]
    return cells


def to_markdown(found: HeldOut) -> str:
    """Return one line a value with 95 % intervals, and the matrix of ROC-AUC as second table."""
    headings = [f"{_TITLES[name]}, {_TITLES[on]}" for name in ("roc_auc", "accuracy") for on in _ON]
    lines = [[f"{found.by} withheld", "network", "reals", "fakes", *headings]]
    for row in found.rows:
        cells = [_cell(getattr(row, on), name) for name in ("roc_auc", "accuracy") for on in _ON]
        counts = [str(row.network), str(row.held_out.n_real), str(row.held_out.n_fake)]
        lines.append([row.value, *counts, *cells])
    for name, seen, unseen in (
        ("all test images", found.everything, None),
        (f"test images of each {found.by}", found.same_seen, found.never_seen),
    ):
        if seen is not None:
            cells = [_cell(one, key) for key in ("roc_auc", "accuracy") for one in (unseen, seen)]
            lines.append([name, "", str(seen.n_real), str(seen.n_fake), *cells])
    head = [f"ROC-AUC (%) on {found.by}", *map(str, range(len(found.networks)))]
    matrix = [head] + [
        [value, *(_mark(found, value, position) for position in range(len(found.networks)))]
        for value in _list_values(found)
    ]
    return f"{_table(lines)}\n{_table(matrix)}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(lines[0]) - 1)
    return "".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n"
        for line in (lines[0], rule, *lines[1:])
    )


def _mark(found: HeldOut, value: str, position: int) -> str:
    network = found.networks[position]
    auc = network.roc_auc[value]
    text = "–" if auc is None else f"{auc * 100:.1f}"
    return f"**{text}**" if value in network.withheld else text


def _list_values(found: HeldOut) -> list[str]:
    """Return the values with test images, those of one network together."""
    home = {value: at for at, network in enumerate(found.networks) for value in network.withheld}
    known = found.networks[0].roc_auc
    return sorted(known, key=lambda value: (home.get(value, len(found.networks)), value))


def _cell(part: Part | None, name: str) -> str:
    value = getattr(part, name) if part else None
    if part is None or value is None:
        return "–"
    interval = part.intervals.get(name)
    held = f" ({interval[0] * 100:.1f} to {interval[1] * 100:.1f})" if interval else ""
    return f"{value * 100:.1f} %{held}"


def write_held_out_page(out: Path, found: HeldOut) -> None:
    """Write ``index.html``."""
    lines = [
        (row.value, row.held_out.roc_auc, row.held_out.intervals.get("roc_auc"),
         row.random.roc_auc if row.random else None)
        for row in found.rows
    ]  # fmt: skip
    write_page(
        out / PAGE,
        "evaluate_held_out.html",
        kind="held-out",
        title=f"{found.architecture}: each {found.by} held out once",
        found=found,
        titles=_TITLES,
        ons=_ON,
        measured=_MEASURED,
        values=_list_values(found),
        plot=plot_seen_and_unseen(lines),
    )
