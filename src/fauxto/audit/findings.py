"""All checks on the table of facts in one call, worst finding first."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from fauxto.audit.balance import find_imbalance
from fauxto.audit.duplicates import find_duplicates
from fauxto.audit.integrity import find_broken
from fauxto.audit.near import Search
from fauxto.audit.quality import find_poor_quality
from fauxto.audit.records import SEVERITIES, Finding, Shortcut
from fauxto.audit.shortcuts import find_shortcuts, shortcut_findings


@dataclass(frozen=True)
class FindingsReport:
    """What the checks say.

    Attributes:
        findings: worst first.
        shortcuts: one per family of facts, in a fixed order.
        groups: columns ``path`` and ``group`` (null for a picture that stands alone), every image.
    """

    findings: tuple[Finding, ...]
    shortcuts: tuple[Shortcut, ...]
    groups: pl.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``findings.json`` (its schema number is added on writing)."""
        return {
            "findings": [finding.model_dump(mode="json") for finding in self.findings],
            "shortcuts": [shortcut.model_dump(mode="json") for shortcut in self.shortcuts],
        }


def find(
    images: pl.DataFrame,
    thumbnails: pl.DataFrame | pl.LazyFrame,
    *,
    search: Search | None = None,
    seed: int = 42,
) -> FindingsReport:
    """Run every check.

    Args:
        images: the table of images, one row a file; its ``group`` column is not read.
        thumbnails: ``tables.THUMBNAIL_SCHEMA``, a row for each image with status ``ok``; of a lazy
            frame only the columns and rows that a check needs are in memory.
        search: how near duplicates are compared where there are many; default all at once, here.
        seed: of the folds, the permutations and the bootstrap.
    """
    duplicates = find_duplicates(images, thumbnails, search)
    grouped = images.drop("group", strict=False).join(duplicates.groups, on="path", how="left")
    grouped = grouped.sort("path")
    shortcuts = find_shortcuts(grouped, thumbnails, seed=seed)
    findings = (
        *find_broken(images),
        *duplicates.findings,
        *shortcut_findings(shortcuts),
        *find_imbalance(images),
        *find_poor_quality(images),
    )
    worst_first = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
    return FindingsReport(tuple(worst_first), shortcuts, duplicates.groups)
