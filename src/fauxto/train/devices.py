"""Where a training runs: one process, or several on one or many machines, through Fabric."""

import atexit
import logging
import os
from typing import Final, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy

from fauxto.core.errors import RecipeError
from fauxto.core.recipe import Precision, TrainRecipe
from fauxto.loading.epochs import Shard
from fauxto.models.build import choose_device

_PRECISIONS: Final[dict[Precision, Literal["32-true", "bf16-mixed"]]] = {
    Precision.FP32: "32-true",
    Precision.BF16: "bf16-mixed",
}


def open_fabric(device: str, recipe: TrainRecipe) -> Fabric:
    """Join the processes that train together and return their Fabric, launched.

    ``torchrun`` and Slurm start the processes; each finds its place in the variables that they
    set. Otherwise this process trains alone.

    Args:
        device: kind of device; each process takes one of them.
        recipe: number format; frozen epochs need a check for unused weights.

    Raises:
        RecipeError: the device cannot be used, or not by several processes.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    chosen = choose_device(device)
    nodes, processes = _count_processes()
    together = nodes * processes > 1
    if together and (chosen.index is not None or chosen.type == "mps"):
        raise RecipeError(
            f"{nodes * processes} processes cannot train together on the device {device!r}: "
            "give --device cuda (each takes a GPU of its own) or --device cpu"
        )
    fabric = Fabric(
        accelerator=chosen.type,
        devices=processes if together or chosen.index is None else [chosen.index],
        num_nodes=nodes,
        precision=_PRECISIONS[recipe.precision],
        strategy=DDPStrategy(find_unused_parameters=recipe.freeze_epochs > 0)
        if together
        else "auto",
    )
    fabric.launch()
    return fabric


def leave_at_exit(fabric: Fabric) -> None:
    """Have the process part from the others in order when it ends, after work that all finished.

    Threads of gloo that still run at exit abort the process. After an error nobody waits: the
    launcher ends the others.
    """
    if fabric.world_size > 1:
        fabric.barrier()
        atexit.register(_leave)


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def shard_of(fabric: Fabric) -> Shard:
    """Return which part of each batch this process takes."""
    return Shard(fabric.global_rank, fabric.world_size)


def _count_processes() -> tuple[int, int]:
    """Return the number of machines and of processes on each."""
    if TorchElasticEnvironment.detect():
        world, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        return world // local, local
    if SLURMEnvironment.detect():
        nodes = int(os.environ.get("SLURM_NNODES", "1"))
        return nodes, int(os.environ["SLURM_NTASKS"]) // nodes
    return 1, 1
