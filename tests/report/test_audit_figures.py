import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest

from fauxto.core.labels import Label
from fauxto.report import audit_figures
from fauxto.report.auc_bars import auc_bars


def make_images(n=100, **columns):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "label": ["real", "fake"] * (n // 2),
            "split": [None] * n,
            "width": rng.integers(100, 5000, n),
            "height": rng.integers(100, 5000, n),
            **columns,
        },
        schema_overrides={"split": pl.String},
    )


def make_spectra():
    rng = np.random.default_rng(0)
    return {label: rng.uniform(0.1, 1, (5, 32, 32)) for label in Label}


FIGURES = {
    "sizes": lambda: audit_figures.size_histograms(make_images()),
    "aspect": lambda: audit_figures.aspect_histogram(make_images()),
    "scatter": lambda: audit_figures.size_scatter(make_images(), np.random.default_rng(0)),
    "counts": lambda: audit_figures.class_counts(make_images(split=["train", "test"] * 50)),
    "one split": lambda: audit_figures.class_counts(make_images()),
    "spectra": lambda: audit_figures.power_spectra(make_spectra()),
    "radial": lambda: audit_figures.radial_spectra(make_spectra()),
    "shortcuts": lambda: auc_bars(["width & height", "name"], [0.9, 0.4], [(0.8, 0.95), None]),
    "one image": lambda: audit_figures.size_histograms(make_images(2).head(1)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_described_svg_in_the_pages_ink_and_always_the_same(name):
    text = FIGURES[name]()
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    assert len(root.get("aria-label")) > 20
    assert "currentColor" in text
    assert text == FIGURES[name]()


def test_scatter_stays_small_with_many_images():
    few = audit_figures.size_scatter(make_images(4000), np.random.default_rng(0))
    many = audit_figures.size_scatter(make_images(60_000), np.random.default_rng(0))
    assert len(many) < 1.3 * len(few) < 400_000


def test_radial_average_by_hand():
    spectrum = np.arange(16.0).reshape(1, 4, 4)  # middle at (2, 2), value 10
    frequency, curves = audit_figures.radial_average(spectrum)
    assert frequency.tolist() == [0.25, 0.5]
    ring_1 = [5, 6, 7, 9, 11, 13, 14, 15]
    ring_2 = [1, 2, 3, 4, 8, 12]  # the corner is beyond 0.5 cycles/px
    assert curves[0, 0] == pytest.approx(np.mean(ring_1))
    assert curves[0, 1] == pytest.approx(np.mean(ring_2))


def test_flat_spectrum_has_a_flat_radial_average():
    _, curves = audit_figures.radial_average(np.full((2, 64, 64), 3.0))
    np.testing.assert_allclose(curves, 3.0)
