"""Measures a run folder with torch.

Run as ``python -m``, with a ``Task`` as JSON; gives a ``TorchCost`` as JSON.
"""

import sys

import torch

from fauxto.core.records import Record
from fauxto.core.speed import Runtime, Timing
from fauxto.models.build import count_gflops
from fauxto.models.checkpoint import load_run
from fauxto.models.torch_scorer import TorchScorer
from fauxto.speed.clock import Task, measure_network


class TorchCost(Record):
    """A run's cost with torch on one device."""

    timing: Timing
    gflops: float
    """10⁹ multiply-adds for one image, counted after the clock has stopped."""
    has_gpu: bool
    """Whether torch finds a CUDA device."""


def measure_torch(task: Task) -> TorchCost:
    """Return the cost of a run folder, as ``fauxto predict`` computes it.

    Raises:
        ArtifactError: it is no finished run, or is damaged.
    """
    torch.set_num_threads(task.threads)
    scorer = TorchScorer(task.model, task.device)
    size_px = scorer.card.preprocess.size_px
    on_gpu = task.device != "cpu"
    timing = measure_network(
        scorer.logits,  # brings the logits back, and so waits for the GPU
        size_px=size_px,
        task=task,
        runtime=Runtime.TORCH,
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
        gpu_memory=torch.cuda.max_memory_allocated if on_gpu else None,
    )
    # Without values, since the CPU's fused attention is not among the operations counted.
    gflops = count_gflops(load_run(task.model).module.to("meta"), size_px)
    return TorchCost(timing=timing, gflops=gflops, has_gpu=torch.cuda.is_available())


if __name__ == "__main__":
    sys.stdout.write(measure_torch(Task.model_validate_json(sys.argv[1])).model_dump_json())
