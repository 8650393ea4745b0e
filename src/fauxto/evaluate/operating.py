"""Another threshold for a run, from the validation images that it has seen and nothing else."""

from pathlib import Path

from fauxto.core.artifacts import VALIDATION
from fauxto.core.choices import Policy
from fauxto.core.records import ModelCard
from fauxto.data.table import PREDICTION_SCHEMA, read_table
from fauxto.evaluate.predictions import label_numbers
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.threshold import choose, fit_operating_points, require_enough


def choose_again(run: Path, card: ModelCard, policy: Policy, cost_ratio: float) -> ModelCard:
    """Return the run's card with the threshold that a policy chooses on its validation rows.

    Args:
        run: folder written by ``fauxto train``.
        card: of the run; its temperature is kept.
        policy: rule to choose by.
        cost_ratio: what a missed fake costs, in false alarms; for the policy ``cost``.

    Raises:
        ArtifactError: the run has no validation rows any more.
        RecipeError: there are too few of them for the policy; the message says how many it takes.
    """
    rows = read_table(run / VALIDATION, PREDICTION_SCHEMA)
    labels = label_numbers(rows)
    require_enough(labels, policy, cost_ratio)
    logits = rows.select("logit_real", "logit_fake").to_numpy()
    scores = fake_score(logits, card.temperature)
    points = fit_operating_points(labels, scores, cost_ratio=cost_ratio)
    point = choose(points, policy)
    return card.model_copy(
        update={"threshold": point.threshold, "policy": policy, "operating_points": points}
    )
