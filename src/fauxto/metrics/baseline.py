"""A plain model on a table of facts: what could be guessed without the network."""

from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

COMPONENTS: Final = 32
"""Principal components of pixels that the trees are given."""


@runtime_checkable
class Classifier(Protocol):
    """What scikit-learn's classifiers can do."""

    def fit(self, values: np.ndarray, labels: np.ndarray) -> object:
        """Learn from rows with labels."""
        ...

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        """Return a probability of each label for each row."""
        ...


def make_trees(*, seed: int, pixels: bool = False) -> Classifier:
    """Return gradient-boosted trees, not fitted yet.

    Args:
        seed: of everything random in them.
        pixels: the facts are pixels: the trees are given their principal components.
    """
    trees: Classifier = HistGradientBoostingClassifier(
        max_iter=80, max_leaf_nodes=15, min_samples_leaf=5, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    if not pixels:
        return trees
    piped: Classifier = make_pipeline(
        PCA(COMPONENTS, svd_solver="randomized", random_state=seed), trees
    )
    return piped


def rank_missing_lowest(values: Float[np.ndarray, "n facts"]) -> Float[np.ndarray, "n known"]:
    """Return facts with the missing ones below all known; facts that no row has are left out.

    The rows that a model is fitted on may hold no known value of a rare fact.
    """
    known = values[:, ~np.isnan(values).all(axis=0)]
    return np.where(np.isnan(known), np.nanmin(known, axis=0) - 1, known)


def score_rows(
    model: Classifier,
    values: Any,  # noqa: ANN401 - an array or a sparse matrix
    labels: Int[np.ndarray, " n"],
    *,
    fitted: Int[np.ndarray, " f"],
    scored: Int[np.ndarray, " s"],
) -> Float[np.ndarray, " s"]:
    """Fit a model on some rows and score others, as if both classes were equally frequent.

    The correction comes after fitting: class weights would slow the trees down several times.

    Args:
        model: what is fitted.
        values: facts of all rows, one row an image; an array or a sparse matrix.
        labels: of all rows, 0 real, 1 fake.
        fitted: positions of the rows to learn from; both classes occur among them.
        scored: positions of the rows to score.

    Returns:
        Scores in [0, 1] in the order of ``scored``; 1 is fake.
    """
    model.fit(values[fitted], labels[fitted])
    fake = model.predict_proba(values[scored])[:, 1]
    prior = labels[fitted].mean()
    fake, real = fake * (1 - prior), (1 - fake) * prior
    return fake / (fake + real)
