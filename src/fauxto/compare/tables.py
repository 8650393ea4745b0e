"""The comparison as Markdown, CSV and LaTeX, in the columns of the study's table."""

import csv
import io
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Final

from fauxto.compare.records import Row
from fauxto.core.speed import Runtime, Timing
from fauxto.metrics.parts import Part
from fauxto.metrics.summary import ByLabel

HEADINGS: Final = (
    "Model", "Batch size", "Learning rate", "Epochs", "Accuracy (%)", "95 % interval",
    "Precision (fake/real)", "Recall (fake/real)", "F1 (fake/real)", "False negatives",
    "False positives", "ROC-AUC", "Rank",
)  # fmt: skip
"""Columns of the Markdown and LaTeX tables, in the study's order."""

_PAGE_HEADINGS: Final = (
    "Model", "Rank", "Accuracy (%)", "95 % interval", "ROC-AUC", "False negatives",
    "False positives", "Precision (fake/real)", "Recall (fake/real)", "F1 (fake/real)",
    "Batch size", "Learning rate", "Epochs",
)  # fmt: skip
"""The same columns on pages: what decides comes first, where a narrow window shows it."""

COST_HEADINGS: Final = (
    "Model", "Parameters (M)", "GFLOPs", "Weights (MB)", "ONNX file (MB)",
    "torch, one image (ms)", "torch, images/s", "torch, memory (MB)",
    "ONNX, one image (ms)", "ONNX, images/s", "ONNX, memory (MB)",
    "GPU, one image (ms)", "GPU, images/s",
)  # fmt: skip
"""Columns of the table on what the models cost, each only where it is known of a model."""

ORIGIN_HEADINGS: Final = (
    "Model", "Sources and generators seen: images", "ROC-AUC (%)", "accuracy (%)",
    "Not seen: images", "ROC-AUC (%)", "accuracy (%)",
)  # fmt: skip
"""Columns of the table that tells sources and generators of training from others."""

_SPREAD: Final = ("roc_auc", "accuracy")

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


def page_table(rows: Sequence[Row]) -> list[list[str]]:
    """Return headings and one line a row, in the order of pages."""
    places = [HEADINGS.index(heading) for heading in _PAGE_HEADINGS]
    return [[line[at] for at in places] for line in (HEADINGS, *map(cells, rows))]


def origin_table(rows: Sequence[Row]) -> list[list[str]]:
    """Return headings and a line a row on origins seen in training and not; empty if unknown."""
    if all(row.seen is None and row.unseen is None for row in rows):
        return []
    return [list(ORIGIN_HEADINGS), *map(_origin_cells, rows)]


def _origin_cells(row: Row) -> list[str]:
    line = [row.model]
    for part in (row.seen, row.unseen):
        line.append("–" if part is None else f"{part.n}")
        line += [_spread(part, name) for name in _SPREAD]
    return line


def _spread(part: Part | None, name: str) -> str:
    value = getattr(part, name) if part else None
    if part is None or value is None:
        return "–"
    interval = part.intervals.get(name)
    ends = f" ({interval[0] * 100:.1f} to {interval[1] * 100:.1f})" if interval else ""
    return f"{value * 100:.1f}{ends}"


def timing_on_gpu(row: Row) -> Timing | None:
    """Return a row's measurement on a GPU, or None."""
    timings = row.speed.timings if row.speed else ()
    return next((timing for timing in timings if timing.device != "cpu"), None)


def cost_table(rows: Sequence[Row]) -> list[list[str]]:
    """Return headings and one line a row of what the models cost, without unknown columns."""
    if all(row.architecture is None for row in rows):
        return []
    table = [_cost_cells(row) for row in rows]
    known = [at for at in range(len(COST_HEADINGS)) if any(line[at] != "–" for line in table)]
    return [[line[at] for at in known] for line in (COST_HEADINGS, *table)]


def _cost_cells(row: Row) -> list[str]:
    speed, gpu = row.speed, timing_on_gpu(row)
    line = [
        row.model,
        _scaled(row.parameters, 1e6, 1),
        _scaled(row.gflops, 1, 2),
        _scaled(row.weights_bytes, 1e6, 1),
        _scaled(speed.onnx_bytes if speed else None, 1e6, 1),
    ]
    for runtime in (Runtime.TORCH, Runtime.ONNX):
        timing = speed.timing(runtime) if speed else None
        line += [
            _scaled(timing.latency_ms if timing else None, 1, 1),
            _scaled(timing.images_per_s if timing else None, 1, 1),
            _scaled(timing.memory_bytes if timing else None, 1e6, 0),
        ]
    return [
        *line,
        _scaled(gpu.latency_ms if gpu else None, 1, 1),
        _scaled(gpu.images_per_s if gpu else None, 1, 1),
    ]


def _scaled(value: float | None, unit: float, digits: int) -> str:
    return "–" if value is None else f"{value / unit:.{digits}f}"


def to_markdown(rows: Sequence[Row], summary: str) -> str:
    """Return tables that GitHub and pandoc read, after the result in words."""
    lines = [summary, _markdown_table([HEADINGS, *map(cells, rows)])]
    lines += [_markdown_table(table) for table in (origin_table(rows), cost_table(rows)) if table]
    return "\n\n".join(lines) + "\n"


def _markdown_table(lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(lines[0]) - 1)
    return "\n".join(map(_markdown_line, [lines[0], rule, *lines[1:]]))


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
        "rank": lambda row: row.rank,
        "gflops": lambda row: row.gflops,
        "onnx_bytes": lambda row: row.speed and row.speed.onnx_bytes,
    }
    for of, name in product(("seen", "unseen"), ("n_real", "n_fake", "roc_auc", "accuracy")):
        columns[f"{of}_{name}"] = partial(_read_part, of, name)
        if name in _SPREAD:
            columns[f"{of}_{name}_low"] = partial(_read_end, of, name, 0)
            columns[f"{of}_{name}_high"] = partial(_read_end, of, name, 1)
    for name, runtime in (("torch", Runtime.TORCH), ("onnx", Runtime.ONNX), ("gpu", None)):
        for field in ("latency_ms", "images_per_s", "memory_bytes", "threads"):
            columns[f"{name}_{field}"] = partial(_read_timing, runtime, field)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([read(row) for read in columns.values()] for row in rows)
    return text.getvalue()


def _read_part(of: str, name: str, row: Row) -> object:
    return getattr(getattr(row, of), name, None)


def _read_end(of: str, name: str, end: int, row: Row) -> object:
    part: Part | None = getattr(row, of)
    interval = part.intervals.get(name) if part else None
    return interval[end] if interval else None


def _read_timing(runtime: Runtime | None, field: str, row: Row) -> object:
    if runtime is None:
        timing = timing_on_gpu(row)
    else:
        timing = row.speed.timing(runtime) if row.speed else None
    return getattr(timing, field, None)


def to_latex(rows: Sequence[Row], caption: str) -> str:
    """Return ``table`` environments that need no package: results, and what else is known."""
    tables = [_latex_table([HEADINGS, *map(cells, rows)], caption)]
    if origins := origin_table(rows):
        tables.append(
            _latex_table(
                origins,
                "Sources and generators seen in training, and not (%), 95 % intervals.",
            )
        )
    if costs := cost_table(rows):
        tables.append(_latex_table(costs, "Cost of the same models."))
    return "\n".join(tables)


def _latex_table(lines: Sequence[Sequence[str]], caption: str) -> str:
    heading, *body = (" & ".join(map(escape_latex, line)) + r" \\" for line in lines)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{escape_latex(caption)}}}",
            r"\begin{tabular}{l" + "r" * (len(lines[0]) - 1) + "}",
            r"\hline",
            heading,
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
