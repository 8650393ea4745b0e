"""The whole chain on data that needs no download, in minutes on two cores."""

from pathlib import Path
from typing import Final

from fauxto.core.progress import Progress, silent
from fauxto.core.recipe import PrepareOptions
from fauxto.pipeline.config import ChainConfig, ExplainSection, TrainSection
from fauxto.pipeline.demo_data import make_demo_data
from fauxto.pipeline.run import ChainResult, run

PREFACE: Final = (
    "This is the demo. Its real pictures are crops of the photographs that scikit-image and "
    "scikit-learn ship; its fakes are other crops of the same photographs, passed through a small "
    "neural encoder-decoder that ships with fauxto. The numbers below show that the chain works. "
    "They say nothing about Midjourney or any other image generator."
)

SIZE_PX: Final = 192
"""Twice the crops' size: large enough for heat maps with some detail."""


def demo(
    *,
    out: Path,
    seed: int = 42,
    workers: int = 2,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ChainResult:
    """Make the demo's data and run the whole chain on it with two small networks.

    Args:
        out: folder for all results; the data goes to a folder beside it.
        seed: of the crops and of training.
        workers: processes or threads that work at once.
        overwrite: make again the stages whose arguments have changed.
        progress: told how far each stage is.
    """
    data = make_demo_data(out.parent / f"{out.name}-data", seed=seed, progress=progress)
    config = ChainConfig(
        title="fauxto's demo: real crops or neural reconstructions?",
        preface=PREFACE,
        data=data,
        prepare=PrepareOptions(size_px=SIZE_PX, seed=seed),
        train=(
            TrainSection(name="lite", recipe="demo-lite", set=(f"train.seed={seed}",)),
            TrainSection(name="resnet18", recipe="demo-resnet18", set=(f"train.seed={seed}",)),
        ),
        explain=ExplainSection(sample=6, measured=60, tested=8),
    )
    return run(config, out=out, workers=workers, overwrite=overwrite, progress=progress)
