"""Where an interrupted run goes on: the state after each epoch, checked by digest.

The newest two are kept. The digest is part of the file's name, so that content and digest become
visible in one step. A damaged checkpoint is told and the one before it is used.
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from fauxto.core.artifacts import file_digest
from fauxto.core.errors import ArtifactError
from fauxto.core.storage import atomic_path
from fauxto.train.history import EpochResult

logger = logging.getLogger(__name__)

_KEPT: Final = 2


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the next epoch depends on, beside recipe, data and epoch number.

    Attributes:
        history: epochs so far.
        state: the network's state dict after the last of them.
        optimizer: the optimiser's state dict.
        average: the moving average of the network's state, empty where none is kept.
        best_state: the state dict that was validated in the best epoch.
        steps: optimiser steps so far.
        seconds: time spent so far.
    """

    history: list[EpochResult]
    state: dict[str, Tensor]
    optimizer: dict[str, Any]
    average: dict[str, Tensor]
    best_state: dict[str, Tensor]
    steps: int
    seconds: float


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the state after an epoch atomically, and drop all but the newest two.

    Raises:
        ArtifactError: the disk is full or the folder cannot be written.
    """
    content = {
        **{name: getattr(checkpoint, name) for name in checkpoint.__dataclass_fields__},
        "history": [asdict(result) for result in checkpoint.history],
    }
    written = folder / "written.pt"
    with atomic_path(written) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # what torch makes of a full disk
            reason = str(error).splitlines()[0]
            raise ArtifactError(f"cannot write a checkpoint in {folder}: {reason}") from error
    epoch = checkpoint.history[-1].epoch
    written.replace(folder / f"epoch-{epoch:04}-{file_digest(written)}.pt")
    for old in _list(folder)[:-_KEPT]:
        old.unlink()


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest undamaged state, or None if there is none."""
    for path in reversed(_list(folder)):
        if file_digest(path) != path.stem.rsplit("-", 1)[1]:
            logger.warning(
                "the checkpoint %s is damaged: going on from the one before it, or else from the "
                "start",
                path.name,
            )
            continue
        saved = torch.load(path, map_location="cpu", weights_only=True)
        history = [EpochResult(**result) for result in saved.pop("history")]
        return Checkpoint(history=history, **saved)
    return None


def _list(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.pt"))
