"""The verb: leave out what is broken, split, and bring every picture to one size."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.core.artifacts import (
    IMAGES,
    PREPARE,
    STAMP,
    FolderState,
    claim_folder,
    finish_folder,
    read_json,
    require_finished,
    write_json,
)
from fauxto.core.choices import SplitMethod
from fauxto.core.errors import DataError, ImageStatus
from fauxto.core.labels import LABELS, Split
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import PrepareOptions
from fauxto.core.records import ClassCounts, Preprocess
from fauxto.data.prepared import digest_rows, open_dataset
from fauxto.data.split import assign_splits
from fauxto.data.table import IMAGE_SCHEMA, read_images, write_table
from fauxto.engine.local import map_rows
from fauxto.imaging.decode import Limits
from fauxto.prepare.standardise import Job, Outcome, lose, name_picture, standardise

TIMEOUT_S: Final = 60.0
MEMORY_LIMIT_BYTES: Final = 3 << 30


@dataclass(frozen=True)
class PrepareResult:
    """A prepared data set.

    Attributes:
        out: its folder.
        counts: pictures of each class per split.
        excluded: files left out, by status.
        reused: whether the same result was there already.
    """

    out: Path
    counts: dict[str, ClassCounts]
    excluded: dict[str, int]
    reused: bool


def prepare(
    data: Path,
    *,
    audit: Path | None,
    out: Path,
    options: PrepareOptions | None = None,
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PrepareResult:
    """Write a data set: equal-sized PNG pictures in ``{train,val,test}/{real,fake}``.

    Args:
        data: the folder or table that was audited.
        audit: folder written by ``fauxto audit`` for these data.
        out: folder to write.
        options: size, fit and split.
        workers: processes.
        overwrite: replace an earlier result.
        progress: told how many pictures are done.

    Raises:
        DataError: there is no audit, it is of other data, or a split cannot be made.
        ArtifactError: the audit is unfinished, or ``out`` is in the way or cannot be written.
    """
    options = options or PrepareOptions()
    if audit is None:
        raise DataError(f"run 'fauxto audit {data} --out AUDIT' first and give --audit AUDIT")
    require_finished(audit, "audit")
    stamp = read_json(audit / STAMP)
    arguments = {"audit": stamp["fingerprint"], "options": options.model_dump(mode="json")}
    claim = claim_folder(out, "prepare", arguments, overwrite=overwrite)
    if claim.state is FolderState.DONE:
        return _read_result(out)
    images = read_images(audit / IMAGES)
    usable = images.filter(pl.col("status") == ImageStatus.OK.value)
    root = _find_root(data, stamp["arguments"])
    split = assign_splits(
        usable,
        options.split,
        val=options.val,
        test=options.test,
        hold_out=options.hold_out,
        seed=options.seed,
    )
    planned = usable.drop("split").join(split, on="path").sort("path")
    preprocess = Preprocess(size_px=options.size_px, fit=options.fit, resample=options.resample)
    limits = Limits(max_pixels=int(stamp["arguments"]["max_pixels"]))
    targets = [_place(row) for row in planned.iter_rows(named=True)]
    jobs = [
        Job(path, root / path, out / target, preprocess, limits)
        for path, target in zip(planned["path"], targets, strict=True)
    ]
    outcomes = list(
        map_rows(
            standardise,
            jobs,
            workers=workers,
            timeout_s=TIMEOUT_S,
            memory_limit_bytes=MEMORY_LIMIT_BYTES,
            on_lost=lose,
            progress=partial(_tell, progress, len(jobs)),
        )
    )
    table = _tabulate(planned, targets, outcomes, options.size_px)
    _require_both(table)
    excluded = [
        *images.filter(pl.col("status") != ImageStatus.OK.value)
        .select("path", "label", "status", "error")
        .iter_rows(named=True),
        *_failed(planned, outcomes),
    ]
    write_table(out / IMAGES, table)
    document = {
        "options": options.model_dump(mode="json"),
        "preprocess": preprocess.model_dump(mode="json"),
        "split_method": _describe(options),
        "digest": digest_rows(table),
        "counts": _count(table),
        "excluded": excluded,
    }
    write_json(out / PREPARE, document)
    finish_folder(claim)
    return _result(out, document, reused=False)


def _tell(progress: Progress, total: int, done: int) -> None:
    progress("prepare", done, total)


def _find_root(data: Path, audited: dict[str, Any]) -> Path:
    if str(data.resolve()) != audited["data"]:
        raise DataError(
            f"the audit is of {audited['data']}, not of {data.resolve()}: audit these data first"
        )
    return Path(audited["root"])


def _place(row: dict[str, Any]) -> str:
    return f"{row['split']}/{row['label']}/{name_picture(row['path'])}"


def _tabulate(
    planned: pl.DataFrame, targets: list[str], outcomes: list[Outcome], size_px: int
) -> pl.DataFrame:
    """Return ``images.parquet`` of the made pictures: their own facts, the original's origin."""
    made = planned.with_columns(
        original=pl.col("path"),
        path=pl.Series(targets, dtype=pl.String),
        status=pl.Series([outcome.status.value for outcome in outcomes], dtype=pl.String),
        bytes=pl.Series([outcome.bytes for outcome in outcomes], dtype=pl.Int64),
        sha256=pl.Series([outcome.sha256 for outcome in outcomes], dtype=pl.String),
        format=pl.lit("PNG"),
        mode=pl.lit("RGB"),
        width=pl.lit(size_px, pl.Int32),
        height=pl.lit(size_px, pl.Int32),
        aspect=pl.lit(1.0),
        frames=pl.lit(1, pl.Int32),
        has_alpha=pl.lit(value=False),
        has_exif=pl.lit(value=False),
        has_c2pa=pl.lit(value=False),
        **{
            name: pl.lit(None, IMAGE_SCHEMA[name])
            for name in (
                "orientation", "jpeg_quality", "jpeg_subsampling", "camera", "software",
                "generator_hint",
            )
        },
    )  # fmt: skip
    return (
        made.filter(pl.col("status") == ImageStatus.OK.value)
        .select(*IMAGE_SCHEMA, "original")
        .sort("path")
    )


def _failed(planned: pl.DataFrame, outcomes: list[Outcome]) -> list[dict[str, Any]]:
    return [
        {"path": outcome.original, "label": label, "status": outcome.status.value,
         "error": outcome.error}
        for outcome, label in zip(outcomes, planned["label"], strict=True)
        if outcome.status is not ImageStatus.OK
    ]  # fmt: skip


def _require_both(table: pl.DataFrame) -> None:
    for split in Split:
        for label in LABELS:
            rows = table.filter(pl.col("split") == split.value, pl.col("label") == label.value)
            if rows.is_empty():
                raise DataError(
                    f"no {label} picture is left for split '{split}': give more data, or change "
                    "--split, --val or --test"
                )


def _describe(options: PrepareOptions) -> str:
    held = f" ({', '.join(options.hold_out)})" if options.hold_out else ""
    drawn = "single images" if options.split is SplitMethod.RANDOM else "whole groups"
    return (
        f"{options.split.value}{held}; validation {options.val:.0%} of training by {drawn}, "
        f"stratified by label, seed {options.seed}"
    )


def _count(table: pl.DataFrame) -> dict[str, dict[str, int]]:
    return {
        split.value: {
            label.value: table.filter(
                pl.col("split") == split.value, pl.col("label") == label.value
            ).height
            for label in LABELS
        }
        for split in Split
    }


def _read_result(out: Path) -> PrepareResult:
    open_dataset(out)
    return _result(out, read_json(out / PREPARE), reused=True)


def _result(out: Path, document: dict[str, Any], *, reused: bool) -> PrepareResult:
    excluded: dict[str, int] = {}
    for row in document["excluded"]:
        excluded[row["status"]] = excluded.get(row["status"], 0) + 1
    counts = {split: ClassCounts(**counted) for split, counted in document["counts"].items()}
    return PrepareResult(out, counts, excluded, reused)
