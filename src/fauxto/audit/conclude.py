"""From the parts that reading wrote to tables, findings and page."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import polars as pl

from fauxto.audit.balance import summarise
from fauxto.audit.figures import FigureJob, draw_figures
from fauxto.audit.findings import find
from fauxto.audit.near import Search
from fauxto.audit.page import write_audit_page
from fauxto.audit.records import Finding
from fauxto.audit.tables import THUMBNAIL_SCHEMA, THUMBNAILS
from fauxto.core.artifacts import (
    BAD_FILES,
    FINDINGS,
    IMAGES,
    STATISTICS,
    write_json,
    write_text,
)
from fauxto.core.errors import ImageStatus
from fauxto.core.progress import Progress
from fauxto.data.table import IMAGE_SCHEMA, write_table
from fauxto.engine.local import map_rows
from fauxto.engine.part import Engine
from fauxto.engine.plan import Plan

FIGURES_TIMEOUT_S: Final = 120.0

_logger = logging.getLogger(__name__)


def conclude(
    out: Path, plan: Plan, *, data: str, kind: str, near: str, engine: Engine, progress: Progress
) -> tuple[pl.DataFrame, tuple[Finding, ...]]:
    """Run the checks, write everything but the stamp, and return images and findings.

    Args:
        out: folder on this machine to write to.
        plan: with parts of images and thumbnails in one, sorted by path, on this machine.
        data: what was audited.
        kind: how its layout was understood.
        near: address for pictures by what near duplicates are told by, seen by every worker.
        engine: who compares pictures where there are many.
        progress: told how far that is.
    """
    search = Search(near, engine, progress)
    parts = [Path(part) for part in plan.parts()]
    usable = pl.scan_parquet(parts).filter(pl.col("status") == ImageStatus.OK.value)
    write_table(out / THUMBNAILS, usable.select(list(THUMBNAIL_SCHEMA)))
    # The pixels of all files would fill gigabytes: checks and page read those they need.
    thumbnails = pl.scan_parquet(out / THUMBNAILS)
    with ThreadPoolExecutor(1) as aside:
        drawn = aside.submit(_draw, FigureJob(tuple(parts), plan.listings()))
        images = pl.read_parquet(parts, columns=list(IMAGE_SCHEMA))
        report = find(images, thumbnails, search=search)
        images = images.drop("group").join(
            report.groups, on="path", how="left", maintain_order="left", validate="1:1"
        )
        images = images.select(list(IMAGE_SCHEMA))
        statistics = summarise(images, data=data, layout=kind)
        write_table(out / IMAGES, images)
        write_text(out / BAD_FILES, "".join(_bad_lines(images)))
        write_json(out / STATISTICS, statistics.model_dump(mode="json"))
        write_json(out / FINDINGS, report.to_json())
        write_audit_page(out, images, thumbnails, report, statistics, figures=drawn.result())
    return images, report.findings


def _draw(job: FigureJob) -> Mapping[str, str]:
    """Draw in a process of its own, while this one runs the checks."""
    results = map_rows(
        draw_figures,
        [job],
        workers=1,
        timeout_s=FIGURES_TIMEOUT_S,
        memory_limit_bytes=None,
        on_lost=_describe_lost,
        progress=lambda _: None,
    )
    with closing(results):
        return next(results)


def _describe_lost(job: FigureJob, reason: str) -> dict[str, str]:
    _logger.warning("the page has no plots: %s (drawing %s)", reason, job.tables)
    return {}


def _bad_lines(images: pl.DataFrame) -> Iterator[str]:
    r"""Yield the paths of unusable files, a line each; ``\`` and line breaks are escaped."""
    for path in images.filter(pl.col("status") != ImageStatus.OK.value)["path"]:
        yield path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") + "\n"
