"""From a table of predictions alone to ``metrics.json``."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fauxto.core.errors import DataError
from fauxto.core.labels import Verdict
from fauxto.core.records import DataSummary
from fauxto.evaluate.origins import measure_seen
from fauxto.evaluate.predictions import digest_images, label_numbers
from fauxto.evaluate.slices import measure_slices
from fauxto.metrics.parts import Control
from fauxto.metrics.summary import Disturbance, Metrics, summarise


@dataclass(frozen=True)
class Subject:
    """What was evaluated on what."""

    run: str
    split: str
    split_method: str
    threshold: float
    policy: str | None = None
    """How validation chose the threshold; None where it was given."""
    trained_on: DataSummary | None = None
    """What the run learnt from; None for foreign scores."""


def measure(
    predictions: pl.DataFrame,
    subject: Subject,
    *,
    robustness: tuple[Disturbance, ...] = (),
    controls: tuple[Control, ...] = (),
) -> Metrics:
    """Return all metrics of a table of predictions.

    Args:
        predictions: columns of ``PREDICTION_SCHEMA`` and ``group``; rows without a score are
            counted as errors and left out of every metric.
        subject: names and the threshold, which is never chosen here.
        robustness: what disturbances did, if they were tried.
        controls: what could be guessed without the network, if it was tried.

    Raises:
        DataError: no row has a score.
    """
    scored = predictions.filter(pl.col("score").is_not_null())
    if scored.is_empty():
        first = predictions["error"].drop_nulls()
        raise DataError(
            f"none of the {len(predictions)} images could be scored"
            + (f"; the first error: {first[0]}" if len(first) else "")
        )
    labels, scores = label_numbers(scored), scored["score"].to_numpy()
    summary: dict[str, Any] = summarise(
        labels, scores, subject.threshold, groups=scored["group"].to_list()
    )
    return Metrics(
        run=subject.run,
        split=subject.split,
        data=digest_images(predictions),
        split_method=subject.split_method,
        n_errors=len(predictions) - len(scored),
        n_unsure=int(np.sum((scored["verdict"] == Verdict.UNSURE).to_numpy())),
        policy=subject.policy,
        slices=measure_slices(scored, labels, scores >= subject.threshold),
        robustness=robustness,
        seen=(
            measure_seen(scored, labels, scores, subject.threshold, subject.trained_on)
            if subject.trained_on
            else ()
        ),
        controls=controls,
        **summary,
    )
