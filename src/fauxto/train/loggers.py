"""Each epoch's numbers to TensorBoard or MLflow, for those who watch many runs there."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from lightning_fabric.loggers import TensorBoardLogger

from fauxto.core.choices import LoggerName
from fauxto.core.errors import MissingExtra
from fauxto.core.recipe import Recipe
from fauxto.train.history import EpochResult

EpochLogger = Callable[[EpochResult], None]
"""Writes one epoch's numbers."""


@contextmanager
def open_logger(name: LoggerName, run: Path, recipe: Recipe) -> Iterator[EpochLogger]:
    """Give a function that logs an epoch; a resumed run writes its earlier epochs again.

    Args:
        name: which logger.
        run: the run folder.
        recipe: written once, as the run's settings.

    Raises:
        MissingExtra: the logger's package is not installed.
    """
    settings = _flatten(recipe)
    if name is LoggerName.TENSORBOARD:
        try:
            board = TensorBoardLogger(root_dir=run, name=name.value, version="")
        except ModuleNotFoundError as error:
            raise MissingExtra(f"--logger {name}", "loggers") from error
        board.log_hyperparams(settings)
        yield lambda result: board.log_metrics(_numbers(result), step=result.epoch)
        board.finalize("success")
    elif name is LoggerName.MLFLOW:
        try:
            mlflow: Any = import_module(name.value)
        except ModuleNotFoundError as error:
            raise MissingExtra(f"--logger {name}", "loggers") from error
        if "MLFLOW_TRACKING_URI" not in os.environ:
            mlflow.set_tracking_uri(f"sqlite:///{(run / 'mlflow.db').resolve()}")
        mlflow.set_experiment("fauxto")
        with mlflow.start_run(run_name=run.name):
            mlflow.log_params(settings)
            yield lambda result: mlflow.log_metrics(_numbers(result), step=result.epoch)
    else:
        yield _log_nowhere


def _log_nowhere(_result: EpochResult) -> None:
    """Write nothing."""


def _numbers(result: EpochResult) -> dict[str, float]:
    numbers = asdict(result)
    del numbers["epoch"]
    return numbers


def _flatten(recipe: Recipe) -> dict[str, str]:
    """Return every setting as ``section.key`` and text."""
    return {
        f"{section}.{key}": str(value)
        for section, values in recipe.model_dump(mode="json").items()
        if isinstance(values, dict)
        for key, value in values.items()
    }
