"""The verb: what trained networks look at, on the same images, and whether to believe it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float, Float32

from fauxto.core import storage
from fauxto.core.artifacts import (
    EXPLANATIONS_DIR,
    REGIONS,
    STAMP,
    FolderState,
    claim_folder,
    finish_folder,
    read_json,
    write_json,
)
from fauxto.core.errors import ArtifactError, RecipeError
from fauxto.core.labels import Split
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.core.storage import Address
from fauxto.data.stored import StoredImage
from fauxto.data.table import write_table
from fauxto.explain.findings import Findings
from fauxto.explain.items import draw_items, name_items
from fauxto.explain.opening import ONNX, check_models, match_controls, open_subjects
from fauxto.explain.page import write_explain_page
from fauxto.explain.pictures import write_pictures
from fauxto.explain.selection import Choice, choose_pictures
from fauxto.explain.study import study_subject
from fauxto.explain.subject import Subject, judge, see_items
from fauxto.explain.summary import FAITHFULNESS, describe_trust, tabulate_regions
from fauxto.explain.target import Target
from fauxto.explain.trust import try_methods

SCORING_BATCH: Final = 32
"""Images scored at once."""

FEWEST_TESTED: Final = 8
"""Readable images below which belief is not tested: intervals would say nothing."""


@dataclass(frozen=True)
class ExplanationResult(Shown):
    """Where an explanation lies."""

    folder: Path
    pictures: int
    """Chosen images."""
    reused: bool
    """Whether the same explanation was there already."""


@dataclass(frozen=True)
class _Plan:
    items: list[StoredImage]
    named: int
    """How many of the first items were named by the user."""


@dataclass(frozen=True)
class _Work:
    items: list[StoredImage]
    subjects: list[Subject]
    controls: dict[str, Subject]
    target: Target
    tested: int
    seed: int
    workers: int
    progress: Progress


def explain(  # noqa: PLR0913 - the verb's options
    runs: Sequence[Path],
    *,
    data: Address | None = None,
    images: Sequence[Path] = (),
    method: str = "auto",
    sample: int = 8,
    split: Split = Split.TEST,
    out: Path | None = None,
    name: str = "default",
    device: str = "cpu",
    workers: int = 2,
    seed: int = 42,
    overwrite: bool = False,
    progress: Progress = silent,
    target: str = Target.PREDICTED,
    measured: int = 500,
    tested: int = 32,
    control: Sequence[Path] = (),
    strength: float = 0.5,
) -> ExplanationResult:
    """Write pictures, tables and a page of what trained networks look at.

    Args:
        runs: run folders and ONNX files; all are shown the same images.
        data: data set to draw images from.
        images: images to show; if empty, ``sample`` images are chosen among the drawn ones.
        method: ``auto``, ``all`` or names of methods joined by commas.
        sample: pictures chosen: sure hits, sure misses and unsure ones of both classes.
        split: part of the data set.
        out: folder to write; needed unless one run folder is explained, which defaults to
            ``RUN/explanations/NAME``.
        name: of the folder in the run.
        device: where the networks run.
        workers: threads that decode.
        seed: of the draw, of random maps and of intervals.
        overwrite: replace an earlier explanation.
        progress: told how far the work is.
        target: ``predicted``, ``fake`` or ``real``: whose evidence is shown.
        measured: images drawn from ``data`` for ``regions.parquet`` and mean maps.
        tested: images on which belief is tested; 0 tests nothing.
        control: the same networks trained on permuted labels, to compare maps with.
        strength: share of the map's colour in the overlay files, in [0, 1].

    Raises:
        RecipeError: an option does not fit.
        DataError: the data set cannot be understood.
        ArtifactError: a run is missing or unfinished, or the folder holds something else.
        MissingExtra: a run folder was given and torch is not installed.
    """
    asked = _check_target(target)
    if not 0 <= strength <= 1:
        raise RecipeError(f"strength must lie between 0 and 1, not {strength}")
    check_models([*runs, *control])
    folder = _choose_folder(runs, out, name)
    plan = _plan(data, images, split, max(measured, sample), seed)
    subjects = open_subjects(runs, method, device)
    controls = match_controls(subjects, control, method, device)
    arguments = {
        "runs": [_fingerprint(model) for model in runs],
        "controls": [_fingerprint(model) for model in control],
        "items": _digest(plan.items),
        "method": method,
        "sample": sample,
        "named": plan.named,
        "target": asked,
        "tested": tested,
        "strength": strength,
        "seed": seed,
    }
    claim = claim_folder(folder, "explain", arguments, overwrite=overwrite)
    if claim.state is FolderState.DONE:
        stored = read_json(folder / FAITHFULNESS)
        return ExplanationResult(folder, len(stored["pictures"]), reused=True)
    choices = [Choice(index, "") for index in range(plan.named)]
    work = _Work(plan.items, subjects, controls, asked, tested, seed, workers, progress)
    if not choices:
        choices = _choose(work, sample)
    findings = _find(work, choices)
    regions = tabulate_regions(findings)
    summary = describe_trust(findings, regions)
    write_table(folder / REGIONS, regions)
    write_json(folder / FAITHFULNESS, summary)
    cases = write_pictures(findings, folder, strength)
    write_explain_page(findings, regions, summary, cases, folder)
    finish_folder(claim)
    return ExplanationResult(folder, len(choices), reused=False)


def _check_target(target: str) -> Target:
    if target not in set(Target):
        raise RecipeError(f"target must be predicted, fake or real, not {target!r}")
    return Target(target)


def _choose_folder(runs: Sequence[Path], out: Path | None, name: str) -> Path:
    if out is not None:
        return out
    if len(runs) > 1:
        raise RecipeError(f"{len(runs)} models are explained together: say where with --out DIR")
    if runs[0].suffix == ONNX:
        raise RecipeError(f"{runs[0]} is a file: say where to write with --out DIR")
    if Path(name).name != name or name in {"", ".", ".."}:
        raise RecipeError(f"--name must be a plain folder name, not {name!r}")
    return runs[0] / EXPLANATIONS_DIR / name


def _plan(
    data: Address | None, images: Sequence[Path], split: Split, measured: int, seed: int
) -> _Plan:
    if data is None and not images:
        raise RecipeError("nothing to explain: give --data DATASET or --images PICTURE")
    named = name_items(images)
    drawn = draw_items(data, split, measured, seed) if data is not None else []
    known = {_place(item) for item in named}
    return _Plan(named + [one for one in drawn if _place(one) not in known], len(named))


def _place(item: StoredImage) -> str:
    """Return a text that two items share only if they are one picture."""
    if storage.is_url(item.address):
        return item.place
    return replace(item, address=str(Path(item.address).resolve())).place


def _fingerprint(model: Path) -> str:
    if model.suffix == ONNX:
        try:
            return hashlib.sha256(model.read_bytes()).hexdigest()
        except OSError as error:
            raise ArtifactError(f"{model} cannot be read: {error.strerror}") from error
    return str(read_json(model / STAMP)["fingerprint"])


def _digest(items: Sequence[StoredImage]) -> str:
    """Return a digest that changes with the files, their names and labels."""
    digest = hashlib.sha256()
    for item in items:
        state = _state(item)
        digest.update(f"{item.path}\0{item.label}\0{state}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _state(item: StoredImage) -> str:
    """Return what changes when a picture does."""
    if item.offset is not None or storage.is_url(item.address):
        return item.sha256 or item.place
    try:
        status = Path(item.address).stat()
    except OSError as error:
        return type(error).__name__
    return f"{status.st_size} {status.st_mtime_ns}"


def _choose(work: _Work, sample: int) -> list[Choice]:
    margins = np.zeros(len(work.items))
    for subject in work.subjects:
        margins += _score_margins(subject, work) / len(work.subjects)
    choices = choose_pictures([item.label for item in work.items], margins, sample)
    if not choices:
        raise ArtifactError(
            "none of the drawn images could be read: run 'fauxto audit' on the data"
        )
    return choices


def _score_margins(subject: Subject, work: _Work) -> Float[np.ndarray, " n"]:
    margins = np.full(len(work.items), np.nan)
    done = 0
    preprocess = subject.card.preprocess
    for seen in see_items(work.items, preprocess, batch_size=SCORING_BATCH, workers=work.workers):
        if seen.indices:
            for index, odds in zip(seen.indices, subject.odds(seen.inputs), strict=True):
                score = judge(subject.card, float(odds), work.items[index].label).score
                margins[index] = score - subject.card.threshold
        done += len(seen.indices) + len(seen.errors)
        work.progress(f"score {subject.name}", done, len(work.items))
    return margins


def _find(work: _Work, choices: Sequence[Choice]) -> Findings:
    keep = {choice.index for choice in choices}
    studies, trusts = {}, {}
    readable = 0
    for subject in work.subjects:
        studies[subject.name] = study_subject(
            subject,
            work.items,
            keep,
            work.target,
            workers=work.workers,
            progress=work.progress,
        )
        inputs = _first_readable(subject, work)
        readable = len(inputs)
        if work.tested and readable >= FEWEST_TESTED:
            trusts[subject.name] = try_methods(
                subject,
                inputs,
                work.target,
                work.seed,
                work.controls.get(subject.name),
                partial(work.progress, f"test {subject.name}"),
            )
    why_untested = ""
    if not trusts:
        why_untested = (
            f"Whether the maps can be believed was not tested: it takes at least {FEWEST_TESTED} "
            f"images, and there were {readable}. Give a data set to draw from."
            if work.tested
            else "Whether the maps can be believed was not tested: it was asked not to."
        )
    return Findings(
        work.items,
        choices,
        work.subjects,
        studies,
        trusts,
        work.controls,
        work.target,
        why_untested,
    )


def _first_readable(subject: Subject, work: _Work) -> Float32[np.ndarray, "n 3 h w"]:
    count, preprocess = work.tested, subject.card.preprocess
    side = preprocess.size_px
    parts = [np.empty((0, 3, side, side), np.float32)]
    for seen in see_items(work.items, preprocess, batch_size=max(1, count), workers=work.workers):
        parts.append(seen.inputs)
        if sum(len(part) for part in parts) >= count:
            break
    return np.concatenate(parts)[:count]
