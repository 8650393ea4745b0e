"""Work over any number of images: each part done once, whole, by whoever.

A part is done by one function that reads its rows of the listing and writes its file whole or not
at all. What is there is done; a run does the rest. So a run may be killed at any moment, on any
machine, and called again, and the rows are the same for every engine and any number of workers.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Final

from fauxto.core.choices import EngineName
from fauxto.core.errors import ArtifactError
from fauxto.core.progress import Progress
from fauxto.engine.part import Engine, PartDone, PartRunner, PartWork, sum_part
from fauxto.engine.plan import Plan, Sums
from fauxto.engine.spread import load_ray

ROUNDS: Final = 3
"""How often a part that could not be written is tried, each time perhaps by another worker."""


def run_parts(work: PartWork, engine: Engine, progress: Progress) -> Plan:
    """Do every part that is not there, and return the plan with its sums, saved.

    Args:
        work: with a plan whose images are listed.
        engine: who does it; decides nothing but the time it takes.
        progress: told how many images are done.

    Raises:
        ArtifactError: parts could not be written, or do not hold the listing's rows; what was done
            stays, and the same call does the rest.
        MissingExtra: the engine is not installed.
    """
    plan = work.plan
    if plan.listed is None:
        raise ValueError("the images are not listed yet")
    total = plan.listed.rows
    missing = plan.missing()
    there = sorted(set(range(plan.listed.parts)) - set(missing))
    sums = sum((sum_part(plan.part(number)) for number in there), Sums())
    failed: dict[int, str] = {}
    # A disk that is full here is full for the next part too; on a cluster, another may have room.
    for _ in range(1 if engine.name is EngineName.LOCAL else ROUNDS):
        progress(plan.verb, sums.rows, total)
        failed = {}
        for done in _spread(work, missing, engine, _tell(progress, plan.verb, sums.rows, total)):
            sums += done.sums
            if done.failure is not None:
                failed[done.number] = done.failure
            progress(plan.verb, sums.rows, total)
        missing = sorted(failed)
        if not missing:
            break
    if failed:
        number, reason = next(iter(failed.items()))
        raise ArtifactError(
            f"{len(failed)} of {plan.listed.parts} parts could not be made (part {number}: "
            f"{reason}): {sums.rows:,} of {total:,} rows are done and stay; the same command does "
            "the rest"
        )
    if sums.rows != total:
        raise ArtifactError(
            f"{plan.folder} holds {sums.rows:,} rows where {total:,} images were listed: a part "
            "was changed by another hand; --overwrite makes all of them again"
        )
    finished = replace(plan, sums=sums)
    finished.save()
    return finished


def _tell(progress: Progress, verb: str, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(verb, before + done, total)


def _spread(
    work: PartWork, numbers: Sequence[int], engine: Engine, progress: Callable[[int], None]
) -> Iterator[PartDone]:
    if not numbers:
        return iter(())
    if engine.name is EngineName.LOCAL:
        return _run_here(work, numbers, engine.workers, progress)
    return load_ray().run_on_ray(work, numbers, engine)


def _run_here(
    work: PartWork, numbers: Sequence[int], workers: int, progress: Callable[[int], None]
) -> Generator[PartDone, None, None]:
    before = 0
    with PartRunner(work, workers) as runner:
        for number in numbers:
            done = runner.run(number, lambda n, start=before: progress(start + n))  # type: ignore[misc]
            before += done.sums.rows
            yield done
            if done.failure is not None:
                return
