"""The whole chain: every verb in order, each stage reused if it is finished already."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fauxto.audit.run import audit
from fauxto.compare.run import compare
from fauxto.core.artifacts import PAGE, claim_folder, finish_folder
from fauxto.core.errors import OtherResult
from fauxto.core.labels import Split
from fauxto.core.notebook import Shown
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import load_recipe
from fauxto.evaluate.run import evaluate
from fauxto.explain.run import explain
from fauxto.imaging.squares import Squares
from fauxto.pipeline.config import ChainConfig
from fauxto.pipeline.folders import ChainFolders
from fauxto.pipeline.story import write_story
from fauxto.prepare.run import prepare
from fauxto.train.run import train


@dataclass(frozen=True)
class ChainResult(Shown):
    """What the chain ended in.

    Attributes:
        page: the report.
        table: the comparison as a Markdown table.
    """

    page: Path
    table: str


def run(
    config: ChainConfig,
    *,
    out: Path,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ChainResult:
    """Audit, prepare, train, evaluate, compare and explain, then write one report.

    Called again it reuses every finished stage and resumes an interrupted one.

    Args:
        config: the data and the networks.
        out: folder for all results.
        device: where networks compute.
        workers: processes or threads that work at once.
        overwrite: make again the stages whose arguments or data have changed; without it they
            are an error.
        progress: told how far each stage is.

    Raises:
        FauxtoError: a stage failed, or would replace an earlier result unasked.
    """
    folders = ChainFolders(out, tuple(section.name for section in config.train))
    claim = claim_folder(out, "run", {"data": str(config.data)})
    recipes = [load_recipe(section.recipe, section.set) for section in config.train]

    def stage(verb: Callable[..., Any], *inputs: Any, **options: Any) -> None:  # noqa: ANN401
        try:
            verb(*inputs, **options)
        except OtherResult:
            if not overwrite:
                raise
            verb(*inputs, **options, overwrite=True)

    spread: dict[str, Any] = {"workers": workers, "progress": progress}
    network = {**spread, "device": device}
    pixels = config.audit.max_pixels
    squares = Squares(folders.squares, config.prepare.preprocess)
    stage(audit, config.data, out=folders.audit, max_pixels=pixels, squares=squares, **spread)
    prepared = {"audit": folders.audit, "out": folders.dataset, "options": config.prepare}
    stage(prepare, config.data, squares=folders.squares, **prepared, **spread)
    shutil.rmtree(folders.squares, ignore_errors=True)
    for folder, recipe in zip(folders.runs, recipes, strict=True):
        stage(train, folders.dataset, recipe=recipe, out=folder, **network)
        for split in (Split.TEST, Split.TRAIN):
            stage(evaluate, folder, data=folders.dataset, split=split, **network)
    stage(compare, folders.runs, out=folders.comparison)
    shown = {
        "data": folders.dataset,
        "images": tuple(Path(image) for image in config.explain.images),
        "sample": config.explain.sample,
        "measured": config.explain.measured,
        "tested": config.explain.tested,
    }
    stage(explain, folders.runs, out=folders.explanations, **shown, **network)
    write_story(config, folders)
    finish_folder(claim)
    return ChainResult(out / PAGE, (folders.comparison / "table.md").read_text("utf-8"))
