"""``MODEL_CARD.md``: what a run is, what it can do and what not, from its own measurements."""

from collections.abc import Sequence
from typing import Final

from fauxto.core.records import ModelCard
from fauxto.metrics.summary import Metrics

MODEL_CARD: Final = "MODEL_CARD.md"

_USE: Final = """## Intended use

Evidence, beside other evidence, on whether a picture is a photograph (or painting) or was made by
a generator like those below. A verdict is not proof, and no person should be accused on it alone.
Not for generators that it never saw, for pictures edited in parts, or for faces swapped into
photographs, none of which were measured unless a section below says so."""


def write_model_card(card: ModelCard, evaluations: Sequence[Metrics]) -> str:
    """Return the text of a run's model card.

    Args:
        card: of the run.
        evaluations: of the run; test is told first.
    """
    order = {"test": 0, "val": 1, "train": 2}
    ordered = sorted(evaluations, key=lambda m: (order.get(m.split, 3), m.split, m.data))
    parts = [
        f"# {_cell(card.name)}",
        _describe_model(card),
        _USE,
        _describe_data(card),
        *(_describe_evaluation(metrics) for metrics in ordered),
        _describe_limits(card),
        _describe_making(card),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.2f} %"


def _describe_model(card: ModelCard) -> str:
    band = (
        f"Scores from {card.unsure_band[0]:.3f} to {card.unsure_band[1]:.3f} are called unsure."
        if card.unsure_band
        else "Validation had too few images to fit an unsure band."
    )
    p = card.preprocess
    return (
        f"{card.architecture} with {card.parameters:,} weights. Input {p.size_px} × {p.size_px} "
        f"pixels (`{p.fit}`, `{p.resample}`; preprocessing `{card.preprocess_hash}`). A score of "
        f"{card.threshold:.4f} or more is called fake (policy `{card.policy}`, temperature "
        f"{card.temperature:.3f}; both from validation images only). {band}\n\n"
        f"Starting weights: {card.weights_source}; licence: {card.weights_licence}."
    )


def _describe_data(card: ModelCard) -> str:
    rows = [
        [split, f"{count.real:,}", f"{count.fake:,}"] for split, count in card.data.counts.items()
    ]
    origins = [
        [kind, name, f"{count:,}"]
        for kind, table in (("source", card.data.sources), ("generator", card.data.generators))
        for name, count in sorted(table.items(), key=lambda item: (-item[1], item[0]))
    ]
    text = (
        f"## Data\n\nDigest `{card.data.digest}`; splits: {card.data.split_method}.\n\n"
        + _table(["split", "real", "fake"], rows)
    )
    if origins:
        text += "\n\n" + _table(["trained on", "name", "images"], origins)
    return text


def _describe_evaluation(metrics: Metrics) -> str:
    told = (
        ("accuracy", "accuracy", metrics.accuracy),
        ("balanced accuracy", "balanced_accuracy", metrics.balanced_accuracy),
        ("recall of fake", "recall.fake", metrics.recall.fake),
        ("recall of real", "recall.real", metrics.recall.real),
        ("precision of fake", "precision.fake", metrics.precision.fake),
        ("precision of real", "precision.real", metrics.precision.real),
        ("ROC-AUC", "roc_auc", metrics.roc_auc),
        ("calibration error", "ece", metrics.ece),
    )
    rows = []
    for name, key, value in told:
        interval = metrics.intervals.get(key)
        held = f"{_percent(interval[0])} to {_percent(interval[1])}" if interval else "–"
        rows.append([name, _percent(value), held])
    counts = metrics.confusion
    parts = [
        f"## Evaluation on {_cell(metrics.split)}",
        f"{metrics.n:,} images in {metrics.n_groups:,} groups, {metrics.n_errors} unreadable; "
        f"splits: {metrics.split_method}. {counts.fn:,} of {counts.tp + counts.fn:,} fakes were "
        f"called real, {counts.fp:,} of {counts.fp + counts.tn:,} reals were called fake; "
        f"{metrics.n_unsure:,} scores lie in the unsure band.",
        _table(["metric", "value", "95 % interval"], rows),
    ]
    if metrics.slices:
        worst = metrics.slices[0]
        parts.append(
            f"Worst slice: {worst.by} {worst.value} ({worst.n:,} images), accuracy "
            f"{_percent(worst.accuracy)} ({_percent(worst.interval[0])} to "
            f"{_percent(worst.interval[1])})."
        )
    if metrics.robustness:
        hardest = min(metrics.robustness, key=lambda row: row.accuracy)
        parts.append(
            f"Hardest disturbance: {hardest.disturbance} at strength {hardest.strength} of 5, "
            f"accuracy {_percent(hardest.accuracy)}, {_percent(hardest.flip_rate)} of verdicts "
            f"flipped ({hardest.n:,} images)."
        )
    else:
        parts.append("Robustness to re-encoding, scaling and cropping was not measured.")
    return "\n\n".join(parts)


def _describe_limits(card: ModelCard) -> str:
    limits = card.limits or (
        "Only generators and sources named above were seen; others may be judged worse.",
    )
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _describe_making(card: ModelCard) -> str:
    environment = card.environment
    packages = ", ".join(f"{name} {version}" for name, version in environment.packages.items())
    return (
        f"## How it was made\n\n`recipe.toml` in this folder, seed {card.seed}: {card.epochs} "
        f"epochs, weights of epoch {card.best_epoch} (validation loss {card.best_val_loss:.4f}), "
        f"{card.wall_time_s / 60:.1f} minutes on {environment.device}.\n\n"
        f"Python {environment.python} on {environment.platform}; {packages or 'versions unknown'}."
        "\n\nAgain: `fauxto train DATASET --recipe recipe.toml --out RUN`, then "
        "`fauxto evaluate RUN --data DATASET`."
    )
