"""How long work tells how far it is: a callable with a silent default."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Called often while work goes on; only the command line draws it."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Tell how far a stage is.

        Args:
            stage: short name of the work, for example ``"audit"`` or ``"epoch 3/50"``.
            done: items finished so far, from 0 to ``total``.
            total: items in all; 0 while unknown.
            note: a few words that may change at each call, for example ``"loss 0.31"``.
        """


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Tell nobody."""
