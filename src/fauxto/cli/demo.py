"""``fauxto demo``."""

from fauxto.cli import console
from fauxto.cli.options import DEFAULT_WORKERS, Debug, Json, Out, Overwrite, Quiet, Seed, Workers


def demo(
    out: Out,
    seed: Seed = 42,
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """The whole chain in minutes, on data that needs no download."""
    from fauxto.pipeline.demo import demo as run_demo

    with console.progress_bars(quiet=quiet) as progress:
        result = run_demo(
            out=out, seed=seed, workers=workers, overwrite=overwrite, progress=progress
        )
    console.show_chain(result.page, result.table, as_json=as_json, quiet=quiet)
