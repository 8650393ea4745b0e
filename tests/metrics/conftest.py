import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def draw_scores(rng, n_real, n_fake, distance=2.0, digits=None):
    """Labels and overlapping scores in shuffled order; rounded scores have many ties."""
    labels = np.repeat([0, 1], [n_real, n_fake])
    margin = rng.normal(size=len(labels)) + distance * (labels - 0.5)
    scores = 1 / (1 + np.exp(-margin))
    if digits is not None:
        scores = np.round(scores, digits)
    order = rng.permutation(len(labels))
    return labels[order], scores[order]


@pytest.fixture
def make_scores(rng):
    return lambda *args, **kwargs: draw_scores(rng, *args, **kwargs)
