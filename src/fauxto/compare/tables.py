"""The comparison as Markdown, CSV and LaTeX, in the columns of the study's table."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Final

from fauxto.compare.records import Row
from fauxto.metrics.summary import ByLabel

HEADINGS: Final = (
    "Model", "Batch size", "Learning rate", "Epochs", "Accuracy (%)", "95 % interval",
    "Precision (fake/real)", "Recall (fake/real)", "F1 (fake/real)", "False negatives",
    "False positives", "ROC-AUC", "Rank",
)  # fmt: skip
"""Columns of the Markdown and LaTeX tables and of the page."""

_LATEX_ESCAPES: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def format_rate(lr: float | None) -> str:
    """Return a learning rate as the study writes it.

    >>> format_rate(5e-05)
    '5e-5'
    """
    if lr is None:
        return "–"
    mantissa, exponent = f"{lr:.6e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _both(metric: ByLabel) -> str:
    fake, real = ("–" if x is None else f"{x:.2f}" for x in (metric.fake, metric.real))
    return f"{fake} / {real}"


def _or_dash(value: int | None) -> str:
    return "–" if value is None else str(value)


def cells(row: Row) -> list[str]:
    """Return a row's cells as text, in the order of ``HEADINGS``."""
    interval = row.accuracy_interval
    return [
        row.model,
        _or_dash(row.batch_size),
        format_rate(row.lr),
        _or_dash(row.epochs),
        f"{row.accuracy * 100:.2f}",
        f"{interval[0] * 100:.2f} to {interval[1] * 100:.2f}" if interval else "–",
        _both(row.precision),
        _both(row.recall),
        _both(row.f1),
        f"{row.false_negatives}",
        f"{row.false_positives}",
        "–" if row.roc_auc is None else f"{row.roc_auc:.4f}",
        f"{row.rank}",
    ]


def to_markdown(rows: Sequence[Row], summary: str) -> str:
    """Return a table that GitHub and pandoc read, with the result as a sentence below."""
    lines = [HEADINGS, ["---"] + ["---:"] * (len(HEADINGS) - 1)]
    text = [_markdown_line(line) for line in [*lines, *map(cells, rows)]]
    return "\n".join([*text, "", summary]) + "\n"


def _markdown_line(line: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in line) + " |"


def to_csv(rows: Sequence[Row]) -> str:
    """Return every number of the rows in full precision, one model a line; unknown is empty."""
    columns: dict[str, Callable[[Row], object]] = {
        "model": lambda row: row.model,
        "architecture": lambda row: row.architecture,
        "parameters": lambda row: row.parameters,
        "batch_size": lambda row: row.batch_size,
        "learning_rate": lambda row: row.lr,
        "epochs": lambda row: row.epochs,
        "accuracy": lambda row: row.accuracy,
        "accuracy_low": lambda row: row.accuracy_interval and row.accuracy_interval[0],
        "accuracy_high": lambda row: row.accuracy_interval and row.accuracy_interval[1],
        "precision_fake": lambda row: row.precision.fake,
        "precision_real": lambda row: row.precision.real,
        "recall_fake": lambda row: row.recall.fake,
        "recall_real": lambda row: row.recall.real,
        "f1_fake": lambda row: row.f1.fake,
        "f1_real": lambda row: row.f1.real,
        "false_negatives": lambda row: row.false_negatives,
        "false_positives": lambda row: row.false_positives,
        "roc_auc": lambda row: row.roc_auc,
        "threshold": lambda row: row.threshold,
        "weights_bytes": lambda row: row.weights_bytes,
        "train_time_s": lambda row: row.train_time_s,
        "rank": lambda row: row.rank,
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([read(row) for read in columns.values()] for row in rows)
    return text.getvalue()


def to_latex(rows: Sequence[Row], caption: str) -> str:
    """Return a ``table`` environment that needs no package."""
    body = [" & ".join(map(escape_latex, cells(row))) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{escape_latex(caption)}}}",
            r"\begin{tabular}{l" + "r" * (len(HEADINGS) - 1) + "}",
            r"\hline",
            " & ".join(map(escape_latex, HEADINGS)) + r" \\",
            r"\hline",
            *body,
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escape_latex(text: str) -> str:
    r"""Return text with what LaTeX would read as a command escaped.

    >>> escape_latex("a_b & 95 %")
    'a\\_b \\& 95 \\%'
    """
    return "".join(_LATEX_ESCAPES.get(letter, letter) for letter in text)
