"""The whole chain: every verb in order, each stage reused if it is finished already."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fauxto.audit.run import audit
from fauxto.compare.run import compare
from fauxto.core.artifacts import PAGE, claim_folder, finish_folder
from fauxto.core.errors import OtherResult
from fauxto.core.labels import Split
from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import load_recipe
from fauxto.evaluate.run import evaluate
from fauxto.explain.run import explain
from fauxto.pipeline.config import ChainConfig
from fauxto.pipeline.folders import ChainFolders
from fauxto.pipeline.story import write_story
from fauxto.prepare.run import prepare
from fauxto.train.run import train


@dataclass(frozen=True)
class ChainResult:
    """What the chain ended in.

    Attributes:
        page: the report.
        table: the comparison as a Markdown table.
    """

    page: Path
    table: str


def run(  # the one function that knows every verb
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

    def stage[R](call: Callable[[bool], R]) -> R:
        try:
            return call(False)
        except OtherResult:
            if not overwrite:
                raise
            return call(True)

    recipes = [load_recipe(section.recipe, section.set) for section in config.train]
    stage(
        lambda again: audit(
            config.data,
            out=folders.audit,
            max_pixels=config.audit.max_pixels,
            workers=workers,
            overwrite=again,
            progress=progress,
        )
    )
    stage(
        lambda again: prepare(
            config.data,
            audit=folders.audit,
            out=folders.dataset,
            options=config.prepare,
            workers=workers,
            overwrite=again,
            progress=progress,
        )
    )
    for run_folder, recipe in zip(folders.runs, recipes, strict=True):
        stage(
            lambda again, run_folder=run_folder, recipe=recipe: train(
                folders.dataset,
                recipe=recipe,
                out=run_folder,
                device=device,
                workers=workers,
                overwrite=again,
                progress=progress,
            )
        )
        for split in (Split.TEST, Split.TRAIN):
            stage(
                lambda again, run_folder=run_folder, split=split: evaluate(
                    run_folder,
                    data=folders.dataset,
                    split=split,
                    device=device,
                    workers=workers,
                    overwrite=again,
                    progress=progress,
                )
            )
    stage(lambda again: compare(folders.runs, out=folders.comparison, overwrite=again))
    stage(
        lambda again: explain(
            folders.runs,
            data=folders.dataset,
            images=tuple(Path(image) for image in config.explain.images),
            sample=config.explain.sample,
            out=folders.explanations,
            device=device,
            workers=workers,
            overwrite=again,
            progress=progress,
        )
    )
    write_story(config, folders)
    finish_folder(claim)
    return ChainResult(out / PAGE, (folders.comparison / "table.md").read_text("utf-8"))
