"""Where an interrupted run goes on: the state after each epoch, checked by digest.

The newest two are kept. One that was damaged is told and the one before it is used.
"""

import hashlib
import io
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from fauxto.core.artifacts import write_bytes
from fauxto.train.history import EpochResult

logger = logging.getLogger(__name__)

_KEPT: Final = 2
_DIGEST_BYTES: Final = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the next epoch depends on.

    Attributes:
        history: epochs so far.
        state: the network's state dict after the last of them.
        optimizer: the optimiser's state dict.
        best_state: the network's state dict after the best epoch.
        seconds: time spent so far.
    """

    history: list[EpochResult]
    state: dict[str, Tensor]
    optimizer: dict[str, Any]
    best_state: dict[str, Tensor]
    seconds: float


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the state after an epoch atomically, its digest first, and drop the oldest."""
    buffer = io.BytesIO()
    torch.save(
        {
            "history": [asdict(result) for result in checkpoint.history],
            "state": checkpoint.state,
            "optimizer": checkpoint.optimizer,
            "best_state": checkpoint.best_state,
            "seconds": checkpoint.seconds,
        },
        buffer,
    )
    content = buffer.getvalue()
    epoch = checkpoint.history[-1].epoch
    write_bytes(folder / f"epoch-{epoch:04}.pt", hashlib.sha256(content).digest() + content)
    for old in _list(folder)[:-_KEPT]:
        old.unlink()


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest undamaged state, or None if there is none."""
    for path in reversed(_list(folder)):
        content = path.read_bytes()
        body = content[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
            logger.warning("%s is damaged: going on from the checkpoint before it", path)
            continue
        saved = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        return Checkpoint(
            history=[EpochResult(**result) for result in saved["history"]],
            state=saved["state"],
            optimizer=saved["optimizer"],
            best_state=saved["best_state"],
            seconds=saved["seconds"],
        )
    return None


def _list(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.pt"))
