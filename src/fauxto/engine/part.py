"""One part of the work: its rows of the listing read, done, and written whole or not at all."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from fauxto.core import storage
from fauxto.core.choices import EngineName
from fauxto.core.errors import ArtifactError, MissingExtra
from fauxto.data.stored import StoredImage
from fauxto.data.table import read_frame, write_table
from fauxto.engine.local import RowPool
from fauxto.engine.plan import Plan, Sums, read_listing

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Engine:
    """Who does the parts.

    Attributes:
        name: local or ray.
        workers: processes at work at once, each with its own model.
        address: of a Ray cluster, as ``ray.init`` takes it; None starts one on this machine.
    """

    name: EngineName = EngineName.LOCAL
    workers: int = 2
    address: str | None = None


@dataclass(frozen=True)
class PartWork:
    """What is done with every image of a plan.

    Attributes:
        plan: the folder of parts.
        function: an image to its row; runs in a process that may hang or die without loss of
            another row, and keeps there what it loads.
        on_lost: the row of an image whose process hung or died, with the reason in words.
        schema: columns of a row; ``error`` is null where all went well.
        timeout_s: seconds for one image.
        memory_limit_bytes: of data of one process, None without limit.
    """

    plan: Plan
    function: Callable[[StoredImage], Row]
    on_lost: Callable[[StoredImage, str], Row]
    schema: Mapping[str, pl.DataType]
    timeout_s: float
    memory_limit_bytes: int | None = None


@dataclass(frozen=True)
class PartDone:
    """A part that is there, or why it is not.

    Attributes:
        number: of the part.
        sums: of its rows.
        failure: why it could not be written; None where it is there.
    """

    number: int
    sums: Sums
    failure: str | None = None


class PartRunner:
    """Does parts one after another, with processes that stay."""

    def __init__(self, work: PartWork, workers: int) -> None:
        """Start nothing yet; ``with``, or the first part, starts the processes."""
        self.work = work
        self.pool: RowPool[StoredImage, Row] = RowPool(
            work.function,
            workers=workers,
            timeout_s=work.timeout_s,
            memory_limit_bytes=work.memory_limit_bytes,
            on_lost=work.on_lost,
        )

    def __enter__(self) -> Self:
        self.pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.__exit__()

    def run(self, number: int, progress: Callable[[int], None] = lambda _: None) -> PartDone:
        """Do a part, unless it is there; a part that cannot be written is an answer, not raised."""
        target = self.work.plan.part(number)
        try:
            if storage.exists(target):
                return PartDone(number, sum_part(target))
            images = read_listing(self.work.plan, number)
            with closing(self.pool.map(images, progress=progress)) as results:
                rows = list(results)
            frame = pl.DataFrame(rows, schema=dict(self.work.schema))
            write_table(target, frame)
        except (ArtifactError, OSError) as error:
            if isinstance(error, MissingExtra):
                raise
            return PartDone(number, Sums(), str(error))
        return PartDone(number, _sum(frame["error"]))


def sum_part(address: str) -> Sums:
    """Return what became of the rows of a part that is there."""
    return _sum(read_frame(address, ["error"])["error"])


def _sum(errors: pl.Series) -> Sums:
    return Sums(len(errors), errors.null_count(), len(errors) - errors.null_count())
