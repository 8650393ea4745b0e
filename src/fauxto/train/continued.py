"""A run that starts from another run: what was gained and lost, by generator."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool
from lightning_fabric import Fabric

from fauxto.core.artifacts import CARD
from fauxto.core.labels import Label
from fauxto.core.records import Continued, ContinuedRow, ModelCard
from fauxto.metrics.calibration import fake_score
from fauxto.models.checkpoint import load_run
from fauxto.train.validation import FitData, score_validation

_UNNAMED = "not named"


@dataclass(frozen=True)
class Before:
    """The run that a training starts from, on the validation images of that training.

    Attributes:
        card: of the run before.
        called_fake: what it says of each validation image, at its own threshold.
    """

    card: ModelCard
    called_fake: Bool[np.ndarray, " n"]


def score_before(weights: str, data: FitData, batch_size: int, fabric: Fabric) -> Before | None:
    """Return what the run that training starts from says of validation; None if it is no run.

    Args:
        weights: a recipe's weights.
        data: of the training to come; the run before sees it by its own preprocessing.
        batch_size: images in one pass.
        fabric: of the processes.

    Raises:
        ArtifactError: the run before is unfinished or damaged.
    """
    run = Path(weights)
    if not (run / CARD).is_file():
        return None
    loaded = load_run(run, str(fabric.device))
    seen = replace(data, preprocess=loaded.card.preprocess)
    logits = score_validation(loaded.module, seen, batch_size, fabric)
    scores = fake_score(logits, loaded.card.temperature)
    return Before(loaded.card, scores >= loaded.card.threshold)


def compare_with_before(
    before: Before, rows: pl.DataFrame, called_fake: Bool[np.ndarray, " n"]
) -> Continued:
    """Return gains and losses on validation, for real images and for each generator.

    Args:
        before: the run before.
        rows: the validation images, in the order of the calls; ``label`` and ``generator``.
        called_fake: what the new run says, at its threshold.
    """
    fake = (rows["label"] == Label.FAKE.value).to_numpy()
    generators = rows["generator"].fill_null(_UNNAMED).to_numpy()
    known = before.card.data.generators

    def row(by: str, value: str, chosen: Bool[np.ndarray, " n"], *, is_known: bool) -> ContinuedRow:
        return ContinuedRow.model_validate(
            {
                "by": by,
                "value": value,
                "n": int(chosen.sum()),
                "before": float((before.called_fake == fake)[chosen].mean()),
                "after": float((called_fake == fake)[chosen].mean()),
                "known": is_known,
            }
        )

    present = sorted(set(generators[fake]))
    return Continued(
        run=before.card.name,
        images=len(fake),
        accuracy_before=float((before.called_fake == fake).mean()),
        accuracy_after=float((called_fake == fake).mean()),
        rows=(
            row("label", Label.REAL.value, ~fake, is_known=True),
            *(
                row("generator", name, fake & (generators == name), is_known=name in known)
                for name in present
            ),
        ),
        not_measured=tuple(sorted(set(known) - set(present))),
    )
