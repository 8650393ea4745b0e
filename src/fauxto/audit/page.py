"""The exploratory report: one page about a data set, findings first."""

import base64
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from fauxto.audit.findings import FindingsReport
from fauxto.audit.records import SEVERITIES, AuditStatistics, Finding
from fauxto.core.artifacts import PAGE
from fauxto.core.errors import ImageStatus
from fauxto.core.labels import LABELS
from fauxto.report.auc_bars import auc_bars
from fauxto.report.page import write_page

FINDING_PICTURES: Final = 8
SHORTCUT_PICTURES: Final = 12
SAMPLE_PICTURES: Final = 12
"""Of each class."""
GALLERY_GROUPS: Final = 24
GROUP_PICTURES: Final = 4
TABLE_ROWS: Final = 600
BAD_FILES: Final = 300
COVERAGE_ROWS: Final = 200
"""Each of these caps keeps the page small; everything is in the Parquet table."""

_TABLE_COLUMNS: Final = (
    "path", "label", "split", "source", "status", "format", "width", "height", "bytes", "group",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A thumbnail on the page; ``uri`` is None where the file has none."""

    path: str
    label: str
    split: str | None
    size: str
    uri: str | None


@dataclass(frozen=True)
class Group:
    """A group of near duplicates on the page."""

    name: str
    size: int
    conflict: bool
    leak: bool
    pictures: tuple[Picture, ...]


def write_audit_page(
    folder: Path,
    images: pl.DataFrame,
    thumbnails: pl.DataFrame | pl.LazyFrame,
    report: FindingsReport,
    statistics: AuditStatistics,
    *,
    figures: Mapping[str, str],
    seed: int = 42,
) -> None:
    """Write ``index.html``.

    Args:
        folder: where to.
        images: the table of images.
        thumbnails: see ``tables.THUMBNAIL_SCHEMA``; a lazy frame is read only in part.
        report: what the checks found.
        statistics: counts and dimensions.
        figures: plots as SVG by name; see ``figures.draw_figures``.
        seed: draws sample pictures.
    """
    context = audit_context(images, thumbnails, report, statistics, figures=figures, seed=seed)
    write_page(
        folder / PAGE, "audit.html", kind="audit", title=f"Audit of {statistics.data}", **context
    )


def audit_context(
    images: pl.DataFrame,
    thumbnails: pl.DataFrame | pl.LazyFrame,
    report: FindingsReport,
    statistics: AuditStatistics,
    *,
    figures: Mapping[str, str],
    seed: int = 42,
) -> dict[str, Any]:
    """Return the variables of ``audit.html`` except ``kind`` and ``title``; see the page."""
    rng = np.random.default_rng(seed)
    grouped = images.drop("group", strict=False).join(report.groups, on="path", how="left")
    usable = grouped.filter(pl.col("status") == ImageStatus.OK.value)
    bad = grouped.filter(pl.col("status") != ImageStatus.OK.value)
    samples = {label.value: _draw(usable, label.value, rng) for label in LABELS}
    groups = _choose_groups(grouped)
    wanted = {
        *(path for finding in report.findings for path in _shown(finding)),
        *(path for paths in samples.values() for path in paths),
        *(path for _, members in groups for path in members["path"].head(GROUP_PICTURES)),
    }
    pictures = _pictures(grouped, thumbnails, wanted)
    concerned = _concerned(grouped, report.findings)
    coverage = _cover(statistics)
    return {
        "statistics": statistics,
        "files": images.height,
        "usable": usable.height,
        "findings": [
            (finding, [pictures[path] for path in _shown(finding)]) for finding in report.findings
        ],
        "severities": {
            severity: sum(finding.severity == severity for finding in report.findings)
            for severity in SEVERITIES
        },
        "shortcuts": report.shortcuts,
        "samples": {label: [pictures[path] for path in paths] for label, paths in samples.items()},
        "groups": [_describe_group(name, members, pictures) for name, members in groups],
        "groups_in_all": report.groups["group"].drop_nulls().n_unique(),
        "bad": bad.select("path", "label", "status", "error").head(BAD_FILES).rows(named=True),
        "bad_in_all": bad.height,
        "coverage": coverage[:COVERAGE_ROWS],
        "coverage_in_all": len(coverage),
        "concerned": concerned.head(TABLE_ROWS).rows(named=True),
        "concerned_in_all": concerned.height,
        "figures": {**_bars(report), **figures},
    }


def _cover(statistics: AuditStatistics) -> list[dict[str, Any]]:
    """Return usable images by split, source and generator, a column per class; largest first."""
    rows: dict[tuple[str, str, str], dict[str, int]] = {}
    for count in statistics.counts:
        key = (count.split or "", count.source or "", count.generator or "")
        classes = rows.setdefault(key, {label.value: 0 for label in LABELS})
        classes[count.label.value] += count.readable
    order = sorted(rows.items(), key=lambda row: (-sum(row[1].values()), row[0]))
    names = ("split", "source", "generator")
    return [{**dict(zip(names, key, strict=True)), **classes} for key, classes in order]


def _bars(report: FindingsReport) -> dict[str, str]:
    judged = [shortcut for shortcut in report.shortcuts if shortcut.roc_auc is not None]
    if not judged:
        return {}
    bars = auc_bars(
        [shortcut.title for shortcut in judged],
        [shortcut.roc_auc for shortcut in judged if shortcut.roc_auc is not None],
        [shortcut.roc_auc_interval for shortcut in judged],
    )
    return {"shortcuts": bars}


def _shown(finding: Finding) -> tuple[str, ...]:
    is_shortcut = finding.kind.startswith("shortcut.")
    return finding.rows[: SHORTCUT_PICTURES if is_shortcut else FINDING_PICTURES]


def _draw(usable: pl.DataFrame, label: str, rng: np.random.Generator) -> list[str]:
    paths = usable.filter(pl.col("label") == label)["path"].sort()
    return paths[np.sort(rng.permutation(len(paths))[:SAMPLE_PICTURES])].to_list()


def _choose_groups(images: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return the groups to show: across labels, then across splits, then the largest."""
    members = images.filter(pl.col("group").is_not_null())
    order = (
        members.group_by("group")
        .agg(
            conflict=pl.col("label").n_unique() > 1,
            leak=pl.col("split").drop_nulls().n_unique() > 1,
            size=pl.len(),
        )
        .sort("conflict", "leak", "size", "group", descending=[True, True, True, False])
        .head(GALLERY_GROUPS)
    )
    return [
        (name, members.filter(pl.col("group") == name).sort("label", "split", "path"))
        for name in order["group"]
    ]


def _describe_group(name: str, members: pl.DataFrame, pictures: dict[str, Picture]) -> Group:
    return Group(
        name=name,
        size=members.height,
        conflict=members["label"].n_unique() > 1,
        leak=members["split"].drop_nulls().n_unique() > 1,
        pictures=tuple(pictures[path] for path in members["path"].head(GROUP_PICTURES)),
    )


def _pictures(
    images: pl.DataFrame, thumbnails: pl.DataFrame | pl.LazyFrame, wanted: set[str]
) -> dict[str, Picture]:
    is_wanted = pl.col("path").is_in(sorted(wanted))
    small = thumbnails.lazy().filter(is_wanted).select("path", "jpeg").collect(engine="streaming")
    rows = images.filter(is_wanted).join(small, on="path", how="left")
    return {row["path"]: _picture(row) for row in rows.iter_rows(named=True)}


def _picture(row: dict[str, Any]) -> Picture:
    jpeg, width, height = row["jpeg"], row["width"], row["height"]
    return Picture(
        path=row["path"],
        label=row["label"],
        split=row["split"],
        size=f"{width} × {height}" if width and height else row["status"],
        uri=f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}" if jpeg else None,
    )


def _concerned(images: pl.DataFrame, findings: tuple[Finding, ...]) -> pl.DataFrame:
    """Return the rows that findings name, with the names of these findings, worst first."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        if not finding.kind.startswith("shortcut."):
            for path in finding.rows:
                kinds[path].append(finding.kind)
    named = pl.DataFrame(
        {
            "path": list(kinds),
            "findings": [", ".join(names) for names in kinds.values()],
            "order": range(len(kinds)),
        },
        schema={"path": pl.String, "findings": pl.String, "order": pl.Int64},
    )
    joined = named.join(images.select(_TABLE_COLUMNS), on="path", how="inner")
    return joined.sort("order").drop("order")
