"""``fauxto prepare``."""

from typing import Annotated

import typer

from fauxto.cli import console
from fauxto.cli.options import (
    DEFAULT_WORKERS,
    Address,
    Audit,
    Debug,
    EngineOption,
    Json,
    OutAddress,
    Overwrite,
    Quiet,
    Seed,
    SizePx,
    Workers,
)
from fauxto.core.choices import EngineName, Fit, Match, Resample, SplitMethod


def prepare(
    data: Annotated[str, typer.Argument(help="The folder, table, shards or URL that was audited.")],
    audit: Audit,
    out: OutAddress,
    size: SizePx = 224,
    fit: Annotated[Fit, typer.Option("--fit", help="How a picture becomes a square.")] = Fit.SQUASH,
    resample: Annotated[
        Resample, typer.Option("--resample", help="exact: Pillow's LANCZOS on every pixel.")
    ] = Resample.EXACT,
    val: Annotated[
        float, typer.Option("--val", min=0.01, max=0.5, help="Share of training for validation.")
    ] = 0.1,
    test: Annotated[
        float, typer.Option("--test", min=0.01, max=0.9, help="Test share if data has no split.")
    ] = 0.2,
    split: Annotated[
        SplitMethod, typer.Option("--split", help="How train, val and test are parted.")
    ] = SplitMethod.GIVEN,
    hold_out: Annotated[
        list[str] | None,
        typer.Option("--hold-out", help="Generator or source for test only (repeatable)."),
    ] = None,
    validate_on: Annotated[
        list[str] | None,
        typer.Option("--validate-on", help="Source or generator for validation only (repeatable)."),
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match",
            help=f"Shortcuts to take away: {', '.join(Match)} (with commas, or repeatable).",
        ),
    ] = None,
    shards: Annotated[
        bool,
        typer.Option(
            "--shards", help="Write pictures into WebDataset .tar shards, not a file each."
        ),
    ] = False,
    seed: Seed = 42,
    workers: Workers = DEFAULT_WORKERS,
    engine: EngineOption = EngineName.LOCAL,
    address: Address = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Leave out what is broken, split, and bring every picture to one size, lossless."""
    from fauxto.core.recipe import PrepareOptions
    from fauxto.engine.part import Engine
    from fauxto.prepare.run import prepare as run_prepare

    options = PrepareOptions(
        size_px=size,
        fit=fit,
        resample=resample,
        split=split,
        hold_out=tuple(hold_out or ()),
        validate_on=tuple(validate_on or ()),
        val=val,
        test=test,
        match=tuple(_read_match(text) for texts in match or () for text in texts.split(",")),
        shards=shards,
        seed=seed,
    )
    with console.progress_bars(quiet=quiet) as progress:
        result = run_prepare(
            data,
            audit=audit,
            out=out,
            options=options,
            engine=Engine(engine, workers, address),
            overwrite=overwrite,
            progress=progress,
        )
    console.note_reused(out, reused=result.reused, quiet=quiet)
    counts = {name: count.model_dump() for name, count in result.counts.items()}
    if as_json:
        console.print_json({"out": str(out), "counts": counts, "excluded": result.excluded})
        return
    console.print_table(
        f"pictures of {size} × {size} pixels in {out}",
        ("split", "real", "fake"),
        [(name, f"{count['real']:,}", f"{count['fake']:,}") for name, count in counts.items()],
        numeric=(1, 2),
    )
    if result.blocking:
        console.note(
            f"the audit found what blocks: {'; '.join(result.blocking)}\n"
            f"what is left of it: fauxto audit {console.quote(out)} --out AUDIT2",
            quiet=quiet,
        )
    left_out = ", ".join(f"{n:,} {status}" for status, n in sorted(result.excluded.items()))
    console.note(
        f"left out: {left_out or 'nothing'}\n"
        f"next:     fauxto train {console.quote(out)} --recipe lite --out RUN",
        quiet=quiet,
    )


def _read_match(text: str) -> Match:
    try:
        return Match(text.strip())
    except ValueError as error:
        raise typer.BadParameter(
            f"{text.strip()!r} is not one of {', '.join(Match)}", param_hint="'--match'"
        ) from error
