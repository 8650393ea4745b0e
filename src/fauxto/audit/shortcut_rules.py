"""The best guess of the label from a single fact, in words."""

from typing import Final

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from fauxto.audit.records import Rule
from fauxto.data.shortcut_facts import Facts

_TOP: Final = 5
_PLAINNESS: Final = 0.01  # what a limit on a number must win by over a statement


def find_rule(facts: Facts, labels: Int[np.ndarray, " n"]) -> Rule | None:
    """Return the split of one fact with the highest balanced accuracy, or None.

    A statement ("width = height") is preferred to a limit on a number that is better by less than
    one point, since it says more.

    Every value is tried as a limit, from above and from below; an image without the fact does not
    meet the condition. The rule is measured on the images it was chosen on.

    Args:
        facts: columns to choose from.
        labels: 0 real, 1 fake, both present.
    """
    best: tuple[float, int, float, bool] | None = None
    for column in range(len(facts.names)):
        values = facts.values[:, column]
        limit, accuracy, above = _best_split(values, labels)
        merit = accuracy + _PLAINNESS * facts.is_flag[column]
        if limit is not None and (best is None or merit > best[0] + 1e-9):
            best = (merit, column, limit, above)
    if best is None:
        return None
    merit, column, limit, above = best
    accuracy = merit - _PLAINNESS * facts.is_flag[column]
    with np.errstate(invalid="ignore"):
        values = facts.values[:, column]
        met = values >= limit if above else values < limit
    name = facts.names[column]
    if facts.is_flag[column]:
        text = f"fake if {name}" if above else f"fake unless {name}"
    else:
        text = f"fake if {name} {'≥' if above else '<'} {_short(limit)}"
    return Rule(text=text, balanced_accuracy=accuracy, coverage=float(met.mean()))


def rank_facts(facts: Facts, labels: Int[np.ndarray, " n"]) -> dict[str, float]:
    """Return the five facts that order the classes best alone, with their ROC-AUC.

    The AUC is folded to [0.5, 1]: which way a fact points does not matter here. Images without the
    fact count as below all others.

    Args:
        facts: columns to rank.
        labels: 0 real, 1 fake, both present.
    """
    fake = labels == 1
    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    auc = np.empty(len(facts.names))
    for column in range(len(auc)):  # one by one: all ranks of 768 pixels would fill memory
        values = facts.values[:, column]
        ranks = rankdata(np.where(np.isnan(values), -np.inf, values))
        auc[column] = (ranks[fake].sum() - n_fake * (n_fake + 1) / 2) / (n_fake * n_real)
    folded = np.maximum(auc, 1 - auc)
    order = np.argsort(-folded, kind="stable")[:_TOP]
    return {facts.names[column]: float(folded[column]) for column in order}


def _best_split(
    values: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"]
) -> tuple[float | None, float, bool]:
    """Return the limit, its balanced accuracy, and whether fakes are at or above it."""
    known = ~np.isnan(values)
    if not known.any():
        return None, 0.5, True
    n_fake, n_real = labels.sum(), (labels == 0).sum()
    distinct, number = np.unique(values[known], return_inverse=True)
    fakes = np.bincount(number, weights=labels[known] == 1)
    reals = np.bincount(number, weights=labels[known] == 0)
    fakes_below = np.concatenate([[0], np.cumsum(fakes)])[: len(distinct)]
    reals_below = np.concatenate([[0], np.cumsum(reals)])[: len(distinct)]
    above = ((fakes.sum() - fakes_below) / n_fake + 1 - (reals.sum() - reals_below) / n_real) / 2
    below = (fakes_below / n_fake + 1 - reals_below / n_real) / 2
    is_above = above.max() >= below.max()
    accuracy = above if is_above else below
    best = int(np.argmax(accuracy))
    return float(distinct[best]), float(accuracy[best]), bool(is_above)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) >= 1 else f"{value:.3g}"
