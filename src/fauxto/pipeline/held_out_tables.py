"""Leaving one out as CSV, Markdown and a page."""

import csv
import io
from pathlib import Path
from typing import Final

from fauxto.core.artifacts import PAGE
from fauxto.metrics.parts import Part
from fauxto.pipeline.held_out_records import HeldOut
from fauxto.report.evaluate_figures import plot_seen_and_unseen
from fauxto.report.page import write_page

_MEASURED: Final = ("roc_auc", "accuracy", "tpr_at_fpr_5")
_ON: Final = ("held_out", "random", "seen")
_TITLES: Final = {
    "held_out": "held out",
    "random": "random split",
    "seen": "others, seen",
    "roc_auc": "ROC-AUC",
    "accuracy": "accuracy",
    "tpr_at_fpr_5": "found at 5 % false alarms",
}


def to_csv(found: HeldOut) -> str:
    """Return one line a value, fractions in [0, 1]; then the network trained on everything."""
    columns = [
        f"{on}_{name}{end}" for on in _ON for name in _MEASURED for end in ("", "_low", "_high")
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([found.by, "n_real", "n_fake", *columns])
    for row in found.rows:
        numbers = [number for on in _ON for number in _numbers(getattr(row, on))]
        writer.writerow([row.value, row.held_out.n_real, row.held_out.n_fake, *numbers])
    whole = found.everything
    blank = [""] * (3 * len(_MEASURED))
    writer.writerow(["all", whole.n_real, whole.n_fake, *blank, *_numbers(whole), *blank])
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
    """Return one line a value with 95 % intervals; then the network trained on everything."""
    headings = [f"{_TITLES[name]}, {_TITLES[on]}" for name in ("roc_auc", "accuracy") for on in _ON]
    lines = [[f"{found.by} withheld", "reals", "fakes", *headings]]
    lines.append(["---"] + ["---:"] * (len(lines[0]) - 1))
    for row in found.rows:
        cells = [_cell(getattr(row, on), name) for name in ("roc_auc", "accuracy") for on in _ON]
        name = row.value.replace("|", r"\|")
        lines.append([name, str(row.held_out.n_real), str(row.held_out.n_fake), *cells])
    whole = found.everything
    cells = ["", _cell(whole, "roc_auc"), "", "", _cell(whole, "accuracy"), ""]
    lines.append(["none: random split", str(whole.n_real), str(whole.n_fake), *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


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
    values = sorted({value for row in found.matrix.values() for value in row})
    write_page(
        out / PAGE,
        "evaluate_held_out.html",
        kind="held-out",
        title=f"{found.network}: each {found.by} held out once",
        found=found,
        titles=_TITLES,
        ons=_ON,
        measured=_MEASURED,
        values=values,
        plot=plot_seen_and_unseen(lines),
    )
