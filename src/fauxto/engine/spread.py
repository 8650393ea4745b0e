"""A function over numbers, on any engine: for work whose results lie in files."""

from collections.abc import Callable, Iterator
from contextlib import closing
from types import ModuleType

from fauxto.core.choices import EngineName
from fauxto.core.errors import ArtifactError, MissingExtra
from fauxto.engine.local import map_rows
from fauxto.engine.part import Engine


def spread(
    function: Callable[[int], int], count: int, engine: Engine, *, timeout_s: float
) -> Iterator[int]:
    """Yield ``function(number)`` for each number from 0 to ``count``, as they come.

    Args:
        function: can be pickled, may be called twice with a number, and finds nothing to do then.
        count: of numbers.
        engine: who does it.
        timeout_s: seconds for one number, where the engine is local.

    Raises:
        ArtifactError: a worker was lost (local), or the cluster gave up.
        MissingExtra: the engine is not installed.
    """
    if engine.name is EngineName.LOCAL:
        return _spread_here(function, count, engine.workers, timeout_s)
    return load_ray().spread_on_ray(function, count, engine)


def _spread_here(
    function: Callable[[int], int], count: int, workers: int, timeout_s: float
) -> Iterator[int]:
    results = map_rows(
        function,
        range(count),
        workers=workers,
        timeout_s=timeout_s,
        memory_limit_bytes=None,
        on_lost=_give_up,
        progress=lambda _: None,
    )
    with closing(results):
        yield from results


def _give_up(number: int, reason: str) -> int:
    raise ArtifactError(
        f"step {number} was lost: {reason}; what was done stays, the same command does the rest"
    )


def load_ray() -> ModuleType:
    """Return the module that knows Ray, the one door to it.

    Raises:
        MissingExtra: Ray is not installed.
    """
    try:
        from fauxto.engine import ray_data  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra("--engine ray", "ray") from error
    return ray_data
