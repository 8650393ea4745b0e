"""Measured results as files in ``docs/results``: their shape, and the tables made of them.

A number in the README or on the first page of the documentation comes from one of these files, and
tests hold it to them. ``python scripts/results.py`` writes the tables anew between their markers.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from fauxto.core.frozen import Record

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "docs/results"
WIDTH: Final = 120
"""Columns of the running text."""
PAGES: Final = ("README.md", "docs/index.md", "docs/explanations/held-out.md")
"""Pages with tables made from results."""

Share = Annotated[float, Field(ge=0, le=1)]
Interval = tuple[Share, Share]


class Group(Record):
    """The detector on one part of the test images; intervals cover 95 %."""

    name: str
    n: int
    roc_auc: Share
    roc_auc_interval: Interval
    tpr_at_5_fpr: Share
    ece: Share
    fakes_found: Share
    """Share of the fakes that are called fake."""
    fakes_found_interval: Interval
    false_alarms: Share
    """Share of the reals that are called fake."""
    false_alarms_interval: Interval


class Slice(Record):
    """Images of one generator or source."""

    name: str
    n: int
    called_fake: int
    interval: Interval
    """Wilson's 95 % interval of the share."""


class Change(Record):
    """What a harmless change of the pictures does to the scores."""

    name: str
    median: Share
    """Median absolute change of the score."""
    p95: Share
    crossed: Share
    """Share of the verdicts that cross the threshold."""


class Results(Record):
    """A file in ``docs/results``."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    command: str
    """What measured it."""

    model_config = ConfigDict(**{**Record.model_config, "populate_by_name": True})


class BundledResults(Results):
    """What the detector inside the package is worth."""

    model: str
    preprocess_hash: str
    policy: str
    threshold: Share
    unsure_band: Interval | None
    unsure: Share
    """Share of the test images in the unsure band."""
    groups: tuple[Group, ...]
    """The whole test split, the sources that training never saw, and the others."""
    worst_generators: tuple[Slice, ...]
    worst_sources: tuple[Slice, ...]
    changes: tuple[Change, ...]


class SplitRow(Record):
    """One network trained on one split, on that split's test images."""

    split: str
    title: str
    n: int
    accuracy: Share
    accuracy_interval: Interval
    roc_auc: Share


class SplitResults(Results):
    """The same pictures, network and recipe; only the split differs."""

    network: str
    recipe: str
    seed: int
    epochs: int
    rows: tuple[SplitRow, ...]
    fakes: int
    """Test fakes of the split ``given``."""
    fakes_missed: int
    reals: int
    reals_called_fake: int
    worst: Slice
    """Its worst generator of at least 50 images."""
    size_auc: Share
    """How well the size of the original pictures alone gives the label away."""


def read_bundled() -> BundledResults:
    """Read ``docs/results/bundled.json``."""
    return BundledResults.model_validate_json((RESULTS / "bundled.json").read_text("utf-8"))


def read_splits() -> SplitResults:
    """Read ``docs/results/splits.json``."""
    return SplitResults.model_validate_json((RESULTS / "splits.json").read_text("utf-8"))


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal."""
    return f"{100 * share:.1f} %"


def percents(interval: Interval) -> str:
    """Return an interval of shares in percent."""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}\u00a0%"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return a Markdown table; all columns but the first ``left`` are aligned right."""
    rules = ["---" if index < left else "---:" for index in range(len(columns))]
    return [f"| {' | '.join(row)} |" for row in (columns, rules, *rows)]


def render_bundled() -> str:
    """Return the paragraph and table of the detector inside."""
    found = read_bundled()
    shown = [group for group in found.groups if group.name != "whole test split"]
    rows = [
        (
            group.name, str(group.n),
            f"{group.roc_auc:.3f} ({group.roc_auc_interval[0]:.3f} to "
            f"{group.roc_auc_interval[1]:.3f})",
            f"{percent(group.fakes_found)} ({percents(group.fakes_found_interval)})",
            f"{percent(group.false_alarms)} ({percents(group.false_alarms_interval)})",
        )
        for group in shown
    ]  # fmt: skip
    columns = ("test images", "n", "ROC-AUC", "fakes found", "reals called fake")
    generator, source = found.worst_generators[0], found.worst_sources[0]
    words = (
        f"Worst generator: {generator.name}, {generator.called_fake} of {generator.n} found. Worst "
        f"real source: {source.name}, {source.called_fake} of {source.n} called fake. "
        f"{100 * found.unsure:.0f} % of the pictures come out *unsure*. Cropping, saving again and "
        f"scaling move the median score by at most {max(c.median for c in found.changes):.2f}."
    )
    return "\n".join([*table(columns, rows), "", textwrap.fill(words, WIDTH)])


def render_splits() -> str:
    """Return the table of the three splits and what stands below it."""
    found = read_splits()
    rows = [
        (
            f"`{row.split}`: {row.title}", f"{row.n:,}", percent(row.accuracy),
            percents(row.accuracy_interval), f"{row.roc_auc:.3f}",
        )
        for row in found.rows
    ]  # fmt: skip
    columns = ("split", "test images", "accuracy", "95 % interval", "ROC-AUC")
    words = (
        f"With the given split it missed {found.fakes_missed} of {found.fakes} fakes and called "
        f"{found.reals_called_fake} of {found.reals} real pictures fake. Worst generator: "
        f"{found.worst.name}, {found.worst.called_fake} of {found.worst.n} found "
        f"({percents(found.worst.interval)}). The audit had warned: on these data the size of the "
        f"original picture alone gives the label away with ROC-AUC {found.size_auc:.2f}."
    )
    return "\n".join([*table(columns, rows), "", textwrap.fill(words, WIDTH)])


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "bundled": render_bundled,
    "splits": render_splits,
}


def refresh(text: str) -> str:
    """Return a page with the blocks between ``<!-- results:NAME -->`` and its end made anew."""
    for name, render in BLOCKS.items():
        begin, end = f"<!-- results:{name} -->\n", "<!-- end -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), flags=re.DOTALL)
        block = f"{begin}\n{render()}\n\n{end}"
        text = pattern.sub(lambda _match, block=block: block, text)
    return text


def write_result(path: Path, result: Results) -> None:
    """Write a result as JSON that a reader can compare line by line."""
    path.write_text(
        json.dumps(result.model_dump(mode="json", by_alias=True), indent=1) + "\n", "utf-8"
    )


if __name__ == "__main__":
    for page in map(ROOT.joinpath, sys.argv[1:] or PAGES):
        page.write_text(refresh(page.read_text("utf-8")), "utf-8")
