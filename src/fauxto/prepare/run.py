"""The verb: leave out what is broken, split, and bring every picture to one size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from fauxto.core import storage
from fauxto.core.artifacts import (
    FINDINGS,
    IMAGES,
    ORIGINALS,
    PREPARE,
    STAMP,
    FolderState,
    claim_folder,
    finish_folder,
    read_json,
    require_finished,
    write_json,
)
from fauxto.core.choices import Match, SplitMethod
from fauxto.core.errors import DataError, ImageStatus
from fauxto.core.labels import Split
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import PrepareOptions
from fauxto.core.records import ClassCounts
from fauxto.core.storage import Address
from fauxto.data.labelled import list_licences
from fauxto.data.prepared import digest_rows, open_dataset
from fauxto.data.split import assign_splits
from fauxto.data.table import read_images, write_table
from fauxto.engine.part import Engine
from fauxto.prepare.match import match_geometry
from fauxto.prepare.match_bytes import match_bytes
from fauxto.prepare.pictures import PARTS_DIR, Source, make_pictures
from fauxto.prepare.shards import write_shards
from fauxto.prepare.table import count, list_failed, require_both_labels, tabulate

UNMATCHED: Final = "unmatched"
"""Status of a readable file that ``match`` left out."""

_ADVICE: Final = "give more data, or change --split, --val, --test or --match"


@dataclass(frozen=True)
class _Plan:
    """Rows with their split, in the order of work, and what matching did."""

    rows: pl.DataFrame
    unmatched: pl.DataFrame
    matching: dict[str, Any]


@dataclass(frozen=True)
class PrepareResult(Shown):
    """A prepared data set.

    Attributes:
        out: its folder.
        counts: pictures of each class per split.
        excluded: files left out, by status; ``unmatched`` where a shortcut was taken away.
        blocking: titles of the audit's blocking findings, for the reader to settle.
        reused: whether the same result was there already.
    """

    out: Address
    counts: dict[str, ClassCounts]
    excluded: dict[str, int]
    blocking: tuple[str, ...]
    reused: bool


def prepare(  # noqa: PLR0913 - the command's options
    data: Path | str,
    *,
    audit: Address | None,
    out: Address,
    options: PrepareOptions | None = None,
    workers: int = 2,
    engine: Engine | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    squares: Path | None = None,
) -> PrepareResult:
    """Write a data set: equal-sized PNG pictures in ``{train,val,test}/{real,fake}``, or shards.

    Args:
        data: the folder or table that was audited.
        audit: folder or URL written by ``fauxto audit`` for these data.
        out: folder to write; with ``shards`` also a URL.
        options: size, fit, split, what to match, and whether to write shards.
        workers: processes.
        engine: who makes the pictures; default ``workers`` processes here.
        overwrite: replace an earlier result.
        progress: told how many pictures are done.
        squares: folder where the audit kept pictures at this size; what is missing is made.

    Raises:
        DataError: there is no audit, it is of other data, or the data cannot be split or matched.
        ArtifactError: the audit is unfinished, or ``out`` is in the way or cannot be written.
    """
    options = options or PrepareOptions()
    if storage.is_url(out) and not options.shards:
        raise DataError(f"{out} is a URL, where every picture would be a request: add --shards")
    if audit is None:
        raise DataError(f"run 'fauxto audit {data} --out AUDIT' first and give --audit AUDIT")
    audit, out = storage.locate(audit), storage.locate(out)
    require_finished(audit, "audit")
    stamp = read_json(storage.join(audit, STAMP))
    data = str(data)
    root = _find_root(data, stamp["arguments"])
    arguments = {"audit": stamp["fingerprint"], "options": _name_options(options)}
    claim = claim_folder(out, "prepare", arguments, overwrite=overwrite, inputs=(data, audit))
    if claim.state is FolderState.DONE:
        storage.remove_folder(storage.join(out, PARTS_DIR))
        return _read_result(out, audit)
    images = read_images(storage.join(audit, IMAGES))
    usable = images.filter(pl.col("status") == ImageStatus.OK.value)
    try:
        plan = _plan(usable, options)
    except DataError:
        if claim.state is FolderState.NEW:
            storage.remove_folder(out)
        raise
    source = Source(data, root, int(stamp["arguments"]["max_pixels"]), squares)
    engine = engine or Engine(workers=workers)
    made = make_pictures(source, plan.rows, out, options, arguments, engine, progress)
    table = tabulate(plan.rows, made.outcomes, options.size_px)
    failed = list_failed(plan.rows, made.outcomes)
    plan, table = _match_made(plan, table, options)
    require_both_labels(table, _ADVICE)
    if options.shards:
        table = write_shards(table, made.parts, str(out), options.size_px, engine, progress)
    left_out = pl.concat(
        [images.filter(pl.col("status") != ImageStatus.OK.value), plan.unmatched], how="diagonal"
    )
    document = {
        "options": options.model_dump(mode="json"),
        "preprocess": options.preprocess.model_dump(mode="json"),
        "preprocess_hash": options.preprocess.hash,
        "split_method": _describe(options, own_val=Split.VAL.value in usable["split"]),
        "matching": plan.matching,
        "licences": list_licences(data, root),
        "digest": digest_rows(table),
        "counts": count(table),
        "excluded": [
            *left_out.select("path", "label", "status", "error").iter_rows(named=True),
            *failed,
        ],
    }
    _remove_strays(out, set(table["address" if options.shards else "path"]))
    write_table(storage.join(out, ORIGINALS), plan.rows)
    write_table(storage.join(out, IMAGES), table)
    write_json(storage.join(out, PREPARE), document)
    finish_folder(claim)
    storage.remove_folder(storage.join(out, PARTS_DIR))
    return _result(out, document, audit, reused=False)


def _name_options(options: PrepareOptions) -> dict[str, Any]:
    # Left out while unused, so that data sets made before there were these options stay valid.
    unused = {name for name in ("match", "validate_on", "shards") if not getattr(options, name)}
    return options.model_dump(mode="json", exclude=unused)


def _plan(usable: pl.DataFrame, options: PrepareOptions) -> _Plan:
    split = assign_splits(
        usable,
        options.split,
        val=options.val,
        test=options.test,
        hold_out=options.hold_out,
        validate_on=options.validate_on,
        seed=options.seed,
    )
    rows = usable.drop("split").join(split, on="path").sort("path")
    require_both_labels(rows, _ADVICE)
    if Match.GEOMETRY not in options.match:
        return _Plan(rows, rows.clear(), {})
    matched = match_geometry(rows, seed=options.seed)
    require_both_labels(matched.kept, _ADVICE)
    unmatched = rows.join(matched.kept, on="path", how="anti").with_columns(
        status=pl.lit(UNMATCHED)
    )
    found = {"step_octaves": matched.step, "roc_auc": matched.roc_auc}
    return _Plan(matched.kept, unmatched, {Match.GEOMETRY.value: found})


def _match_made(
    plan: _Plan, table: pl.DataFrame, options: PrepareOptions
) -> tuple[_Plan, pl.DataFrame]:
    """Leave out pictures that were made, where the length of their files tells the label."""
    if Match.CONTAINER not in options.match:
        return plan, table
    matched = match_bytes(table, seed=options.seed)
    left_out = table.join(matched.kept, on="path", how="anti")["original"]
    is_left_out = pl.col("path").is_in(left_out.implode())
    unmatched = plan.rows.filter(is_left_out).with_columns(status=pl.lit(UNMATCHED))
    found = {"step_octaves": matched.step, "roc_auc": matched.roc_auc}
    plan = _Plan(
        plan.rows.filter(~is_left_out),
        pl.concat([plan.unmatched, unmatched], how="diagonal"),
        {**plan.matching, Match.CONTAINER.value: found},
    )
    return plan, matched.kept


def _remove_strays(out: Address, files: set[str]) -> None:
    """Remove half-written files of a killed call: ImageFolder would take them for pictures."""
    if storage.is_url(out):  # where a file is seen whole or not at all
        return
    for split in Split:
        for path in Path(out, split).rglob("*"):
            if path.is_file() and path.relative_to(out).as_posix() not in files:
                path.unlink()


def _find_root(data: str, audited: dict[str, Any]) -> str:
    here = data if storage.is_url(data) else str(Path(data).resolve())
    if here != audited["data"]:
        raise DataError(f"the audit is of {audited['data']}, not of {here}: audit these data first")
    return str(audited["root"])


def _describe(options: PrepareOptions, *, own_val: bool) -> str:
    method = options.split.value
    if options.hold_out:
        method += f" ({', '.join(options.hold_out)})"
    if options.validate_on:
        method += f"; validation on {', '.join(options.validate_on)}"
    elif options.split is SplitMethod.GIVEN and own_val:
        method += "; validation as in the data"
    else:
        drawn = "single images" if options.split is SplitMethod.RANDOM else "whole groups"
        method += (
            f"; validation {options.val:.0%} of training by {drawn}, stratified by label, "
            f"seed {options.seed}"
        )
    if options.match:
        method += f"; matched by {' and '.join(sorted(set(options.match)))}"
    return method


def _read_result(out: Address, audit: Address) -> PrepareResult:
    open_dataset(out)
    return _result(out, read_json(storage.join(out, PREPARE)), audit, reused=True)


def _result(
    out: Address, document: dict[str, Any], audit: Address, *, reused: bool
) -> PrepareResult:
    excluded: dict[str, int] = {}
    for row in document["excluded"]:
        excluded[row["status"]] = excluded.get(row["status"], 0) + 1
    counts = {split: ClassCounts(**counted) for split, counted in document["counts"].items()}
    findings = read_json(storage.join(audit, FINDINGS))["findings"]
    blocking = tuple(found["title"] for found in findings if found["severity"] == "blocking")
    return PrepareResult(out, counts, excluded, blocking, reused)
