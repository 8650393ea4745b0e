"""What the models cost to use, and which of them give most for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from fauxto.compare.entries import Entry
from fauxto.compare.records import Row
from fauxto.core.speed import Runtime, Speed
from fauxto.models.specs import MODELS


@dataclass(frozen=True)
class CostAxis:
    """One cost that is known alike of all runs.

    Attributes:
        label: what it is, with its unit.
        of_model: the cost of each run, by name.
    """

    label: str
    of_model: dict[str, float]


def count_gflops(entry: Entry) -> float | None:
    """Return 10⁹ multiply-adds for one image: as measured, else as known of the network."""
    if entry.speed is not None:
        return entry.speed.gflops
    spec = MODELS.get(entry.card.architecture) if entry.card else None
    if spec is None or entry.card is None or entry.card.preprocess.size_px != spec.input_px:
        return None
    return spec.gflops


def choose_axis(rows: Sequence[Row]) -> CostAxis | None:
    """Return the best cost that is known of all runs, or None.

    Time of one image with ONNX Runtime, else with torch, if all were measured on the same
    processor with the same number of threads; else GFLOPs. Rows without a network have no cost.
    """
    runs = [row for row in rows if row.architecture is not None]
    if not runs:
        return None
    speeds = [row.speed for row in runs if row.speed is not None]
    if len(speeds) == len(runs) and not differ_in_machine(speeds):
        for runtime, name in ((Runtime.ONNX, "ONNX Runtime"), (Runtime.TORCH, "torch")):
            timings = [timing for one in speeds if (timing := one.timing(runtime))]
            if len(timings) == len(runs):
                label = f"one image with {name}, {timings[0].threads} threads (ms)"
                names = (row.model for row in runs)
                latencies = (timing.latency_ms for timing in timings)
                return CostAxis(label, dict(zip(names, latencies, strict=True)))
    gflops = {row.model: row.gflops for row in runs if row.gflops is not None}
    if len(gflops) < len(runs):
        return None
    return CostAxis("multiply-adds of one image (GFLOPs)", gflops)


def differ_in_machine(speeds: Sequence[Speed]) -> bool:
    """Return whether times were taken on other processors or with other numbers of threads."""
    return len({(one.processor, timing.threads) for one in speeds for timing in one.timings}) > 1


def find_front(costs: Sequence[float], gains: Sequence[float]) -> list[bool]:
    """Return for each point whether no other is at least as good in both, and better in one.

    Args:
        costs: the less the better.
        gains: the more the better.

    >>> find_front([1, 2, 3, 2], [0.90, 0.95, 0.94, 0.93])
    [True, True, False, False]
    """
    points = list(zip(costs, gains, strict=True))
    return [
        not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points)
        for cost, gain in points
    ]
