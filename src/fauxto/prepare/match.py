"""Take the geometry shortcut away: draw both classes in the same sizes and shapes.

Source: Grommelt, Weiss, Pfreundt and Keuper 2024, "Fake or JPEG? Revealing common biases in
generated image detection datasets", arXiv:2403.17608: detectors trained without this learn the
format and the size.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from fauxto.core.errors import DataError
from fauxto.core.labels import LABELS, Label
from fauxto.metrics.ranking import roc_auc

STEPS: Final = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.0)
"""Widths of the cells in octaves of area and of aspect, tried in this order; 0 is equal sizes."""
CHANCE_BAND: Final = (0.45, 0.55)
"""ROC-AUC of a label guessed from sizes that passes as chance."""
MIN_PAIRS: Final = 50
"""Pairs below which nothing can be said of what sizes give away."""
LEAST_ALIKE: Final = 10
"""Pairs of exactly one size below which none of that size is drawn: of a lone pair, the one that a
model has seen tells the label of the other, which is then the opposite."""

_FOLDS: Final = 5


@dataclass(frozen=True)
class GeometryMatch:
    """Rows drawn so that size and shape no longer tell the label.

    Attributes:
        kept: the rows drawn, sorted by path; as many reals as fakes in every split.
        step: width of the cells in octaves; 0 where both classes have exactly the same sizes.
        roc_auc: of the label guessed from the kept rows' sizes, out of fold; 0.5 is chance.
    """

    kept: pl.DataFrame
    step: float
    roc_auc: float


def match_geometry(images: pl.DataFrame, *, seed: int) -> GeometryMatch:
    """Draw pairs of a real and a fake of the same split and cell of size and shape.

    Cells are as wide as they can be while a gradient-boosted model cannot tell the label from the
    sizes of the pairs drawn: they are halved until its AUC lies in ``CHANCE_BAND``. Square
    pictures are paired with square ones only.

    Args:
        images: columns ``path``, ``label``, ``split``, ``width`` and ``height`` of originals.
        seed: of the draws.

    Raises:
        DataError: the classes have too few sizes in common.
    """
    rng = np.random.default_rng(seed)
    images = images.sort("path").with_columns(_order=pl.Series(rng.random(images.height)))
    for step in STEPS:
        pairs = _draw_pairs(images, step)
        if pairs.height < 2 * MIN_PAIRS:
            break
        auc = _guess_from_size(pairs)
        if step == 0 or CHANCE_BAND[0] <= auc <= CHANCE_BAND[1]:
            kept = pairs.select(images.columns).drop("_order").sort("path")
            return GeometryMatch(kept, step, auc)
    raise DataError(
        "--match geometry: real and fake pictures have too few sizes in common; leave it out, use "
        "--fit native-crop (which scales nothing), or collect pictures of like sizes"
    )


def _draw_pairs(images: pl.DataFrame, step: float) -> pl.DataFrame:
    """Return the rows drawn with ``_pair``, a number that one real and one fake share."""
    if step == 0:
        cell: tuple[str, ...] = ("split", "width", "height")
        placed, least = images, LEAST_ALIKE
    else:
        cell, least = ("split", "_area", "_aspect", "_square"), 1
        width, height = pl.col("width").log(2), pl.col("height").log(2)
        placed = images.with_columns(
            _area=((width + height) / step).floor(),
            _aspect=((width - height) / step).floor(),
            _square=pl.col("width") == pl.col("height"),
        )
    ranked = placed.with_columns(_rank=pl.col("_order").rank("ordinal").over(*cell, "label"))
    sizes = [((pl.col("label") == label.value).sum()).over(cell) for label in LABELS]
    return (
        ranked.with_columns(_least=pl.min_horizontal(sizes))
        .filter(pl.col("_rank") <= pl.col("_least"), pl.col("_least") >= least)
        .sort(*cell, "_rank", "label")
        .with_columns(_pair=pl.struct(*cell, "_rank").rank("dense"))
    )


def _guess_from_size(pairs: pl.DataFrame) -> float:
    """Return the out-of-fold ROC-AUC; both of a pair are in one fold, else it falls below 0.5."""
    width, height = np.log2(pairs.select("width", "height").to_numpy().astype(float).T)
    facts = np.stack([width, height, width - height], axis=1)
    labels = (pairs["label"] == Label.FAKE.value).to_numpy().astype(int)
    scores = np.zeros(pairs.height)
    with threadpool_limits(limits=1):  # the same sums in the same order on every machine
        for fitted, judged in GroupKFold(_FOLDS).split(facts, labels, pairs["_pair"].to_numpy()):
            model = HistGradientBoostingClassifier(
                max_iter=50,
                max_leaf_nodes=8,
                min_samples_leaf=5,
                early_stopping=False,
                random_state=0,
            )
            model.fit(facts[fitted], labels[fitted])
            scores[judged] = model.predict_proba(facts[judged])[:, 1]
    return roc_auc(labels, scores)
