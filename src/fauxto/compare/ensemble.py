"""What an average of several models would give."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fauxto.compare.entries import Entry
from fauxto.compare.judge import judge_pairs
from fauxto.compare.records import Average
from fauxto.core.labels import Label
from fauxto.core.records import Policy
from fauxto.metrics.calibration import log_loss
from fauxto.metrics.confusion import count_confusion
from fauxto.metrics.labels import has_both_classes
from fauxto.metrics.ranking import roc_auc
from fauxto.metrics.threshold import choose, fit_operating_points


def average_models(entries: Sequence[Entry]) -> Average | None:
    """Choose on validation which models' mean score to take, and confirm it on the images.

    None for a single model, and where a model has no validation scores, or not of the same images,
    or of one class only.
    """
    tables = [entry.validation for entry in entries if entry.validation is not None]
    if len(entries) < 2 or len(tables) < len(entries):
        return None
    keys = tables[0].select("path", "label")
    if any(not table.select("path", "label").equals(keys) for table in tables):
        return None
    scores = np.array([table["score"].to_numpy() for table in tables])
    known = ~np.isnan(scores).any(axis=0)
    labels = (keys["label"] == Label.FAKE).to_numpy().astype(np.int64)[known]
    if not has_both_classes(labels):
        return None
    of_model = {entry.name: row for entry, row in zip(entries, scores[:, known], strict=True)}
    chosen = choose_members(labels, of_model)
    return _confirm(entries, labels, of_model, chosen)


def choose_members(
    labels: Int[np.ndarray, " n"], of_model: Mapping[str, Float[np.ndarray, " n"]]
) -> list[str]:
    """Return names of two or more models: the best one, then whichever lowers the log loss most.

    Args:
        labels: of validation rows; 0 real, 1 fake.
        of_model: scores of each model on them.

    Source:
        Caruana, Niculescu-Mizil, Crew and Ksikes 2004, without replacement.
    """

    def loss(names: Sequence[str]) -> float:
        return log_loss(labels, np.mean([of_model[name] for name in names], axis=0))

    names = sorted(of_model)
    chosen = [min(names, key=lambda name: loss([name]))]
    while len(chosen) < len(names):
        rest = [name for name in names if name not in chosen]
        best = min(rest, key=lambda name: loss([*chosen, name]))
        if len(chosen) > 1 and loss([*chosen, best]) >= loss(chosen):
            break
        chosen.append(best)
    return chosen


def _confirm(
    entries: Sequence[Entry],
    val_labels: Int[np.ndarray, " v"],
    val_scores: Mapping[str, Float[np.ndarray, " v"]],
    chosen: Sequence[str],
) -> Average:
    by_name = {entry.name: entry for entry in entries}
    val_mean = np.mean([val_scores[name] for name in chosen], axis=0)
    points = fit_operating_points(val_labels, val_mean)
    threshold = choose(points, Policy.BALANCED).threshold
    single = by_name[chosen[0]]
    mean = np.mean([by_name[name].scores for name in chosen], axis=0)
    averaged = replace(
        single,
        name=f"the mean of {', '.join(chosen[:-1])} and {chosen[-1]}",
        scored=single.scored.with_columns(pl.Series("score", mean)),
        metrics=single.metrics.model_copy(update={"threshold": threshold}),
    )
    (pair,) = judge_pairs([averaged, single])
    labels = single.labels
    confusion = count_confusion(labels, mean, threshold)
    sentence = pair.sentence
    if sentence.startswith("the mean"):
        sentence = "T" + sentence[1:]
    return Average(
        models=tuple(chosen),
        single=single.name,
        threshold=threshold,
        val_log_loss=log_loss(val_labels, val_mean),
        val_log_loss_single=log_loss(val_labels, val_scores[single.name]),
        val_accuracy=count_confusion(val_labels, val_mean, threshold).accuracy or 0.0,
        accuracy=confusion.accuracy or 0.0,
        roc_auc=roc_auc(labels, mean) if has_both_classes(labels) else None,
        false_negatives=confusion.fn,
        false_positives=confusion.fp,
        against_single=pair,
        sentence=sentence,
    )
