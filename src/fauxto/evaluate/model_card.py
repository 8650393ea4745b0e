"""``MODEL_CARD.md``: what a run is, what it can do and what not, from its own measurements."""

from collections.abc import Sequence
from typing import Final

from fauxto.core.records import ModelCard
from fauxto.evaluate.robustness import find_worst
from fauxto.metrics.parts import UNSEEN, Part, title_part
from fauxto.metrics.summary import Metrics
from fauxto.metrics.threshold import UNSURE_ERROR_RATE

MODEL_CARD: Final = "MODEL_CARD.md"

MOST_SLICES: Final = 12
"""Slices that a card lists, worst first."""

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
        f"Scores from {card.unsure_band[0]:.3f} to {card.unsure_band[1]:.3f} are called unsure "
        f"(error rate {UNSURE_ERROR_RATE:.0%}, on images like those of validation)."
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
    licences = card.data.licences
    origins = [
        [kind, name, f"{count:,}", licences.get(name, "–") if kind == "source" else ""]
        for kind, table in (("source", card.data.sources), ("generator", card.data.generators))
        for name, count in sorted(table.items(), key=lambda item: (-item[1], item[0]))
    ]
    text = (
        f"## Data\n\nDigest `{card.data.digest}`; splits: {card.data.split_method}.\n\n"
        + _table(["split", "real", "fake"], rows)
    )
    if origins:
        text += "\n\n" + _table(["trained on", "name", "images", "licence"], origins)
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
        f"digest `{metrics.data}`; splits: {metrics.split_method}. With the threshold "
        f"{metrics.threshold:.4f} (policy `{metrics.policy or 'given'}`), {counts.fn:,} of "
        f"{counts.tp + counts.fn:,} fakes were called real, "
        f"{counts.fp:,} of {counts.fp + counts.tn:,} reals were called fake; "
        f"{metrics.n_unsure:,} scores lie in the unsure band.",
        _table(["metric", "value", "95 % interval"], rows),
    ]
    parts += [_describe_seen(metrics), *_describe_controls(metrics), *_describe_slices(metrics)]
    parts.append(_describe_robustness(metrics))
    return "\n\n".join(parts)


_PART_HEADINGS: Final = (
    "", "reals", "fakes", "ROC-AUC", "accuracy", "fakes found", "reals left alone",
)  # fmt: skip


def _part_row(name: str, part: Part) -> list[str]:
    def spread(key: str) -> str:
        interval = part.intervals.get(key)
        held = f" ({_percent(interval[0])} to {_percent(interval[1])})" if interval else ""
        return _percent(getattr(part, key)) + held

    measured = [spread(key) for key in ("roc_auc", "accuracy", "recall_fake", "recall_real")]
    return [name, f"{part.n_real:,}", f"{part.n_fake:,}", *measured]


def _describe_seen(metrics: Metrics) -> str:
    if not metrics.seen:
        return (
            "Whether sources and generators were seen in training is not known: there are no "
            "held-out numbers."
        )
    table = _table(_PART_HEADINGS, [_part_row(part.title, part) for part in metrics.seen])
    if not any(part.name == UNSEEN for part in metrics.seen):
        table += (
            "\n\nNo image here comes from a source or generator that was not trained on: how the "
            "model fares on new ones was not measured."
        )
    return "Images like the training images, and others (95 % intervals):\n\n" + table


def _describe_controls(metrics: Metrics) -> list[str]:
    if not metrics.controls:
        return []
    rows = [
        _part_row(f"{control.scorer}, {title_part(control.images)}", control.part)
        for control in metrics.controls
    ]
    return [
        "Beside baselines that see only facts of the original files, or only 16 × 16 pixels; and "
        "on pairs of a real and a fake whose files are alike:\n\n" + _table(_PART_HEADINGS, rows)
    ]


def _describe_slices(metrics: Metrics) -> list[str]:
    if not metrics.slices:
        return []
    rows = [
        [
            f"{part.by}: {part.value}",
            f"{part.n:,}",
            f"{_percent(part.accuracy)} ({_percent(part.interval[0])} to "
            f"{_percent(part.interval[1])})",
            _percent(part.accuracy_real),
            _percent(part.accuracy_fake),
        ]
        for part in metrics.slices[:MOST_SLICES]
    ]
    worst = metrics.slices[0]
    return [
        f"Worst slice: {worst.by} {_cell(worst.value)} ({worst.n:,} images), accuracy "
        f"{_percent(worst.accuracy)} ({_percent(worst.interval[0])} to "
        f"{_percent(worst.interval[1])}). The {len(rows)} worst of {len(metrics.slices)}:\n\n"
        + _table(
            ["slice", "images", "accuracy (95 % interval)", "reals right", "fakes right"], rows
        )
    ]


def _describe_robustness(metrics: Metrics) -> str:
    if not metrics.robustness:
        return "Robustness to re-encoding, scaling and cropping was not measured."
    hardest = find_worst(metrics.robustness)
    low, high = hardest.interval or (None, None)
    names = dict.fromkeys(row.disturbance for row in metrics.robustness)
    strengths = sorted({row.strength for row in metrics.robustness})
    found = {(row.disturbance, row.strength): row for row in metrics.robustness}
    rows = [
        [name, *(_percent(found[name, s].accuracy) for s in strengths),
         _percent(found[name, strengths[-1]].flip_rate)]
        for name in names
    ]  # fmt: skip
    return (
        f"Hardest disturbance: {hardest.disturbance} at strength {hardest.strength} of 5, accuracy "
        f"{_percent(hardest.accuracy)} ({_percent(low)} to {_percent(high)}), "
        f"{_percent(hardest.flip_rate)} of verdicts flipped "
        f"({hardest.n:,} images). Accuracy by strength, and verdicts flipped at the strongest:\n\n"
        + _table(["disturbance", *map(str, strengths), "flipped"], rows)
    )


def _describe_limits(card: ModelCard) -> str:
    limits = card.limits or (
        "Only generators and sources named above were seen; others may be judged worse.",
    )
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _describe_making(card: ModelCard) -> str:
    environment = card.environment
    packages = ", ".join(f"{name} {version}" for name, version in environment.packages.items())
    took = "" if card.wall_time_s is None else f"{card.wall_time_s / 60:.1f} minutes "
    return (
        f"## How it was made\n\n`recipe.toml` in this folder, seed {card.seed}: {card.epochs} "
        f"epochs, weights of epoch {card.best_epoch} (validation loss {card.best_val_loss:.4f}), "
        f"{took}on {environment.device}.\n\n"
        f"Python {environment.python} on {environment.platform}; {packages or 'versions unknown'}."
        "\n\nAgain: `fauxto train DATASET --recipe recipe.toml --out RUN`, then "
        "`fauxto evaluate RUN --data DATASET`."
    )
