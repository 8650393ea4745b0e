"""``fauxto train``."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fauxto.cli import console
from fauxto.cli.options import (
    DEFAULT_WORKERS,
    Debug,
    Device,
    Json,
    Out,
    Overrides,
    Overwrite,
    Quiet,
    RecipeName,
    Workers,
)
from fauxto.core.choices import LoggerName

if TYPE_CHECKING:
    from fauxto.core.records import Continued, ModelCard
    from fauxto.train.seeds import SeedsResult


def train(
    dataset: Annotated[str, typer.Argument(help="Folder or URL written by 'fauxto prepare'.")],
    out: Out,
    recipe: RecipeName = "lite",
    set_: Overrides = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="default (pretrained), none, a file, or a run to continue."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", help="Several, such as 1,2,3: one run each, mean and deviation."),
    ] = None,
    distil: Annotated[
        bool,
        typer.Option("--distil", help="With --seeds: also train one network on what they say."),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Only go on with an interrupted run; an error without one."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would happen and the recipe; then stop.")
    ] = False,
    logger: Annotated[
        LoggerName, typer.Option("--logger", help="Also log each epoch there.")
    ] = LoggerName.NONE,
    device: Device = "auto",
    workers: Workers = DEFAULT_WORKERS,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """Fine-tune one network; interrupted, the same command goes on where it stopped."""
    from fauxto.core.recipe import load_recipe, recipe_to_toml

    overrides = list(set_ or ())
    if weights is not None:
        overrides.append(f"model.weights={json.dumps(weights)}")
    resolved = load_recipe(recipe, overrides)
    if distil and seeds is None:
        raise typer.BadParameter("--distil needs several trainings: add --seeds 1,2,3")
    if dry_run:
        from fauxto.train.plan import describe_plan, make_plan

        for line in describe_plan(make_plan(dataset, resolved), device):
            typer.echo(f"# {line}")
        typer.echo(recipe_to_toml(resolved), nl=False)
        return
    from fauxto.train.run import TrainResult
    from fauxto.train.run import train as run_train
    from fauxto.train.seeds import SeedsResult, train_seeds

    result: TrainResult | SeedsResult

    with console.progress_bars(quiet=quiet) as progress:
        options: dict[str, Any] = {
            "recipe": resolved,
            "out": out,
            "device": device,
            "workers": workers,
            "overwrite": overwrite,
            "resume": resume,
            "logger": logger,
            "progress": progress,
        }
        if seeds is not None:
            result = train_seeds(dataset, seeds=_numbers(seeds), distil=distil, **options)
        else:
            result = run_train(dataset, **options)
    if result.rank > 0:  # one of several processes: the first speaks for all
        return
    console.note_reused(out, reused=result.reused, quiet=quiet)
    if isinstance(result, SeedsResult):
        _show_seeds(result, dataset, as_json=as_json, quiet=quiet)
    else:
        _show_run(out, result.card, dataset, as_json=as_json, quiet=quiet)


def _numbers(seeds: str) -> list[int]:
    try:
        return [int(seed) for seed in seeds.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"--seeds {seeds}: write them as 1,2,3") from error


def _show_run(out: Path, card: "ModelCard", dataset: str, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        console.print_json({"out": str(out), "card": card.model_dump(mode="json")})
        return
    console.print_table(
        f"{card.architecture} in {out}",
        ("fact", "value"),
        [
            ("epochs (best)", f"{card.epochs} ({card.best_epoch})"),
            ("validation loss", f"{card.best_val_loss:.4f}"),
            ("temperature", f"{card.temperature:.3f}"),
            ("threshold", f"{card.threshold:.3f} ({card.policy})"),
            ("wall time", f"{card.wall_time_s:.0f} s"),
        ],
    )
    if card.continued is not None:
        _show_continued(card.continued)
    run, data = shlex.quote(str(out)), shlex.quote(str(dataset))
    console.note(
        f"weights:  {out / 'weights.safetensors'}\n"
        f"card:     {out / 'card.json'}\n"
        f"history:  {out / 'history.csv'}, curves in {out / 'curves.svg'}\n"
        f"recipe:   {out / 'recipe.toml'}\n"
        f"next:     fauxto evaluate {console.quote(run)} --data {console.quote(data)}\n"
        f"          fauxto explain {run} --data {data}\n"
        f"          fauxto export {run} --out MODEL.onnx",
        quiet=quiet,
    )


def _show_continued(continued: "Continued") -> None:
    console.print_table(
        f"validation images called right, before ({continued.run}) and after",
        ("images", "n", "before", "after", "change", ""),
        [
            (
                row.value if row.by == "generator" else f"all {row.value}",
                str(row.n),
                f"{row.before:.1%}",
                f"{row.after:.1%}",
                f"{100 * (row.after - row.before):+.1f}",
                "" if row.known else "new",
            )
            for row in continued.rows
        ],
        numeric=(1, 2, 3, 4),
    )
    if continued.not_measured:
        missing = ", ".join(continued.not_measured)
        console.note(f"not measured, since these data have none of them: {missing}")


def _show_seeds(result: "SeedsResult", dataset: str, *, as_json: bool, quiet: bool) -> None:
    spread = result.spread
    if as_json:
        console.print_json({"out": str(result.out), **spread.model_dump(mode="json")})
        return
    console.print_table(
        f"{len(spread.seeds)} seeds in {result.out}",
        ("validation", "mean", "deviation"),
        [
            (name.removeprefix("val_"), f"{spread.mean[name]:.4f}", f"{spread.deviation[name]:.4f}")
            for name in spread.mean
        ],
        numeric=(1, 2),
    )
    shown = result.student or result.runs[0]
    first, data = shlex.quote(str(shown.out)), shlex.quote(str(dataset))
    then = "(and so on for each)" if result.student is None else "(what they say together)"
    console.note(
        f"runs:     {', '.join(str(run.out) for run in result.runs)}\n"
        f"summary:  {result.out / 'seeds.json'}\n"
        f"next:     fauxto evaluate {console.quote(first)} --data {console.quote(data)}   {then}",
        quiet=quiet,
    )
