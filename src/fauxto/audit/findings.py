"""All checks on the table of facts in one call, worst finding first."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from fauxto.audit.balance import find_imbalance
from fauxto.audit.duplicates import find_duplicates
from fauxto.audit.integrity import find_broken
from fauxto.audit.quality import find_poor_quality
from fauxto.audit.records import SEVERITIES, Finding, Shortcut
from fauxto.audit.shortcuts import find_shortcuts, shortcut_findings

THUMBNAIL_SCHEMA: Final = pl.Schema(
    {
        "path": pl.String,
        "pixel_sha256": pl.String,
        "phash_mirrored": pl.UInt64,
        "thumb16": pl.Binary,
        "jpeg": pl.Binary,
    }
)
"""What the checks and the page know of the pixels, one row per readable image, sorted by path.

``path`` as in the table of images; ``pixel_sha256`` of the decoded RGB pixels, size included;
``phash_mirrored`` is the perceptual hash of the picture mirrored left to right; ``thumb16`` holds
16 × 16 RGB pixels, 768 bytes row by row; ``jpeg`` is a small JPEG for the page, null where none
was kept.
"""


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


def find(images: pl.DataFrame, thumbnails: pl.DataFrame, *, seed: int = 42) -> FindingsReport:
    """Run every check.

    Args:
        images: the table of images, one row a file; its ``group`` column is not read.
        thumbnails: ``THUMBNAIL_SCHEMA``, a row for each image with status ``ok``.
        seed: of the folds, the permutations and the bootstrap.
    """
    duplicates = find_duplicates(images, thumbnails)
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
