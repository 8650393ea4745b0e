"""Measures an exported file with ONNX Runtime; imports no torch, so that none is in its memory.

Run as ``python -m``, with a ``Task`` as JSON; gives a ``Timing`` as JSON.
"""

import sys

from fauxto.core.speed import Runtime, Timing
from fauxto.models.onnx_scorer import OnnxScorer
from fauxto.speed.clock import Task, measure_network


def measure_onnx(task: Task) -> Timing:
    """Return the cost of an ONNX file on the CPU.

    Raises:
        ArtifactError: it is not usable.
    """
    scorer = OnnxScorer(task.model, threads=task.threads)
    size_px = scorer.card.preprocess.size_px
    return measure_network(scorer.logits, size_px=size_px, task=task, runtime=Runtime.ONNX)


if __name__ == "__main__":
    sys.stdout.write(measure_onnx(Task.model_validate_json(sys.argv[1])).model_dump_json())
