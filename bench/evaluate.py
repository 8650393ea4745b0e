"""Time of the bootstrap and of the robustness suite.

Usage: python bench/evaluate.py [--robustness RUN DATASET [IMAGES]]. Without arguments: intervals of
all metrics by 10,000 resamples of 12,000 grouped rows, beside a plain loop over resamples. With a
trained run and its data: the suite on some images (default 100), and what 500 would take.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np

ROWS, RESAMPLES, LIMIT_S = 12_000, 10_000, 10
SUITE_IMAGES, SUITE_LIMIT_MIN = 500, 12


def make_rows(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, overlapping scores and groups of one to three rows."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], n // 2)
    scores = 1 / (1 + np.exp(-rng.normal(3 * (labels - 0.5), 1)))
    return labels, scores, np.unique(rng.integers(0, n // 2, n), return_inverse=True)[1]


def loop_once(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> None:
    """Resample groups and measure three metrics as one would without vectorising."""
    from fauxto.metrics.ranking import average_precision, roc_auc, tpr_at_fpr

    rng = np.random.default_rng(1)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    rows = np.concatenate([members[group] for group in rng.integers(0, len(members), len(members))])
    roc_auc(labels[rows], scores[rows])
    average_precision(labels[rows], scores[rows])
    tpr_at_fpr(labels[rows], scores[rows], 0.01)


def measure_bootstrap() -> None:
    """Print seconds and the ratio to a plain loop; exit with 1 beyond the limit."""
    from fauxto.metrics.intervals import bootstrap_intervals

    labels, scores, groups = make_rows(ROWS)
    taken = []
    for seed in range(3):
        start = time.perf_counter()
        bootstrap_intervals(labels, scores, 0.5, groups=groups, resamples=RESAMPLES, seed=seed)
        taken.append(time.perf_counter() - start)
    start = time.perf_counter()
    for _ in range(50):
        loop_once(labels, scores, groups)
    plain = (time.perf_counter() - start) / 50 * RESAMPLES
    seconds = statistics.median(taken)
    print(
        f"{RESAMPLES:,} resamples of {ROWS:,} rows in {groups.max() + 1:,} groups, 16 metrics: "
        f"{seconds:.1f} s (median of 3); a plain loop over three of them would take {plain:.0f} s, "
        f"{plain / seconds:.1f} times as long"
    )
    if seconds > LIMIT_S:
        sys.exit(f"outside the limit of {LIMIT_S} s")


def measure_suite(run: Path, dataset: Path, images: int) -> None:
    """Print the minutes that the robustness suite takes on 500 images; exit with 1 beyond 12."""
    import polars as pl

    from fauxto.core.artifacts import read_card
    from fauxto.data.prepared import open_dataset
    from fauxto.evaluate.predictions import build_predictions, with_original_facts
    from fauxto.evaluate.robustness import measure_robustness, sample_rows
    from fauxto.evaluate.scoring import score_images
    from fauxto.models.scorer import open_scorer

    card, data = read_card(run), open_dataset(dataset)
    rows = data.images.filter(pl.col("split") == "test")
    scorer = open_scorer(run)
    logits = score_images(scorer, data.locate(rows["path"]), workers=2)
    table = build_predictions(with_original_facts(rows, None), logits.values, logits.errors, card)
    sample = sample_rows(table, images)
    start = time.perf_counter()
    found = measure_robustness(scorer, sample, dataset, threshold=card.threshold, workers=2)
    minutes = (time.perf_counter() - start) / 60
    whole = minutes * SUITE_IMAGES / len(sample)
    print(
        f"{card.architecture}: {len(sample)} images in {len(found)} rows took {minutes:.2f} min, "
        f"{SUITE_IMAGES} take {whole:.1f} min"
    )
    if whole > SUITE_LIMIT_MIN:
        sys.exit(f"outside the limit of {SUITE_LIMIT_MIN} min")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--robustness"]:
        given = int(sys.argv[4]) if len(sys.argv) > 4 else 100
        measure_suite(Path(sys.argv[2]), Path(sys.argv[3]), given)
    else:
        measure_bootstrap()
