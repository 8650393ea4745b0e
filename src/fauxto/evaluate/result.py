"""The folder of one evaluation."""

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fauxto.core.artifacts import METRICS, PREDICTIONS, Claim, write_json
from fauxto.core.notebook import Shown
from fauxto.data.table import write_table
from fauxto.evaluate.page import Setting, write_evaluation_page
from fauxto.metrics.summary import Metrics, read_metrics

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationResult(Shown):
    """An evaluation and the folder it lies in."""

    folder: Path
    metrics: Metrics
    reused: bool
    """The folder already held this result."""


def write_result(
    claim: Claim, predictions: pl.DataFrame, metrics: Metrics, setting: Setting
) -> None:
    """Write predictions, metrics and page into a claimed folder."""
    write_table(claim.folder / PREDICTIONS, predictions)
    write_json(claim.folder / METRICS, metrics.model_dump(mode="json"))
    write_evaluation_page(claim.folder, predictions, metrics, setting)
    logger.info("evaluated", extra={"run": metrics.run, "n": metrics.n, "errors": metrics.n_errors})


def read_result(folder: Path) -> EvaluationResult:
    """Return the evaluation that a folder holds already."""
    return EvaluationResult(folder, read_metrics(folder), reused=True)
