"""What each epoch came to, and when to stop."""

import csv
import io
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class EpochResult:
    """One row of ``history.csv``.

    Attributes:
        epoch: number, from 1.
        lr: learning rate at the end of the epoch.
        train_loss: mean cross entropy over training images, augmented, as the weights changed.
        train_accuracy: share of them whose larger logit is their label's.
        val_loss: mean cross entropy over validation images, with the epoch's last weights.
        val_accuracy: share of them whose larger logit is their label's.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


def find_best(history: list[EpochResult]) -> EpochResult:
    """Return the epoch with the lowest validation loss, the earliest of equal ones."""
    return min(history, key=lambda result: (result.val_loss, result.epoch))


def should_stop(history: list[EpochResult], *, patience: int, max_epochs: int) -> bool:
    """Return whether training ends: ``patience`` epochs without a lower loss, or enough epochs.

    >>> losses = [0.5, 0.4, 0.41, 0.4, 0.6]
    >>> history = [EpochResult(i + 1, 1e-4, 0, 0, loss, 0) for i, loss in enumerate(losses)]
    >>> [should_stop(history[:n], patience=3, max_epochs=9) for n in range(1, 6)]
    [False, False, False, False, True]
    """
    if not history:
        return False
    last = history[-1].epoch
    return last >= max_epochs or last - find_best(history).epoch >= patience


def to_csv(history: list[EpochResult]) -> str:
    """Return the history as CSV; numbers round-trip exactly."""
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, [field.name for field in fields(EpochResult)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(asdict(result) for result in history)
    return buffer.getvalue()
