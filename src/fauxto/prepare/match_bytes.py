"""Take away what is left of the container shortcut after both classes are compressed alike.

Written with the same settings, a picture's file is as long as its content is complex, and the
classes may differ in that. Where a model can tell the label from the length, pictures are drawn so
that both classes have the same shares of every length.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from fauxto.core.errors import DataError
from fauxto.core.labels import LABELS, Label
from fauxto.metrics.baseline import make_trees, score_rows
from fauxto.metrics.ranking import roc_auc
from fauxto.prepare.match import CHANCE_BAND

STEPS: Final = (None, 0.5, 0.25, 0.125)
"""Widths of the cells in octaves of bytes, tried in this order; None leaves nothing out."""
MIN_IMAGES: Final = 100
"""Pictures below which nothing can be said of what file lengths give away."""

_FOLDS: Final = 5
_DEALS: Final = 3


@dataclass(frozen=True)
class BytesMatch:
    """Rows drawn so that the length of a file no longer tells the label.

    Attributes:
        kept: the rows drawn, sorted by path; the classes' proportion in each split stays.
        step: width of the cells in octaves; None where all rows were kept.
        roc_auc: of the label guessed from the kept rows' lengths, out of fold; 0.5 is chance; None
            below ``MIN_IMAGES``.
    """

    kept: pl.DataFrame
    step: float | None
    roc_auc: float | None


def match_bytes(images: pl.DataFrame, *, seed: int) -> BytesMatch:
    """Draw pictures with the same shares of every file length in both classes of a split.

    Cells are as wide as they can be while gradient-boosted trees cannot tell the label from the
    length: their AUC lies in ``CHANCE_BAND``. The narrowest are taken as they are.

    Args:
        images: columns ``path``, ``label``, ``split`` and ``bytes`` of pictures of one size,
            written with the same settings.
        seed: of the draws and the folds.

    Raises:
        DataError: the classes have too few lengths in common.
    """
    images = images.sort("path")
    if images.height < MIN_IMAGES:
        return BytesMatch(images, None, None)
    drawn = images.with_columns(_order=np.random.default_rng(seed).random(images.height))
    for step in STEPS:
        kept = images if step is None else _draw(drawn, step).select(images.columns)
        if min((kept["label"] == label.value).sum() for label in LABELS) < _FOLDS:
            raise DataError(
                "--match container: compressed alike, real and fake pictures have too few file "
                "lengths in common; leave it out, or collect pictures of like content"
            )
        auc = _guess(kept, seed)
        if CHANCE_BAND[0] <= auc <= CHANCE_BAND[1]:
            break
    return BytesMatch(kept, step, auc)


def _draw(images: pl.DataFrame, step: float) -> pl.DataFrame:
    cell = ("split", "_cell")
    of_class = pl.len().over("split", "label")
    return (
        images.with_columns(_cell=(pl.col("bytes").log(2) / step).floor())
        .with_columns(
            _rank=pl.col("_order").rank("ordinal").over(*cell, "label"),
            _share=pl.len().over(*cell, "label") / of_class,
            _labels=pl.col("label").n_unique().over(*cell),
            _of_class=of_class,
        )
        .with_columns(_least=(pl.col("_share").min().over(*cell) * pl.col("_of_class")).round())
        .filter(pl.col("_labels") == len(LABELS), pl.col("_rank") <= pl.col("_least"))
        .sort("path")
    )


def _guess(images: pl.DataFrame, seed: int) -> float:
    """Return the mean ROC-AUC of several deals of the folds."""
    values = np.log2(images["bytes"].to_numpy().astype(np.float64))[:, None]
    labels = (images["label"] == Label.FAKE.value).cast(pl.Int64).to_numpy()
    scores = np.empty((_DEALS, len(labels)))
    with threadpool_limits(limits=1):  # the same sums in the same order on every machine
        for deal, dealt in enumerate(scores):
            folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed + deal)
            for fitted, scored in folds.split(values, labels):
                trees = make_trees(seed=seed)
                dealt[scored] = score_rows(trees, values, labels, fitted=fitted, scored=scored)
    return float(np.mean([roc_auc(labels, dealt) for dealt in scores]))
