import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps

from fauxto.imaging.overlay import HEAT_GRADIENT, colour_map, overlay_heat


def test_colours_are_viridis_to_within_two_percent():
    heat = np.linspace(0, 1, 256)[None]
    expected = colormaps["viridis"](heat[0])[:, :3] * 255
    assert np.abs(colour_map(heat)[0] - expected).max() <= 5.5


def test_brightness_rises_with_heat():
    colours = colour_map(np.linspace(0, 1, 100)[None])[0].astype(float)
    luminance = colours @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(luminance) > 0)


@pytest.mark.parametrize(("strength", "expected"), [(0.0, 100), (1.0, None), (0.25, None)])
def test_strength_mixes_picture_and_heat(strength, expected):
    rgb = np.full((2, 3, 3), 100, np.uint8)
    heat = np.full((2, 3), 0.7)
    mixed = overlay_heat(rgb, heat, strength)
    assert mixed.dtype == np.uint8
    if expected is not None:
        assert np.all(mixed == expected)
    wanted = 100 + strength * (colour_map(heat)[0, 0].astype(float) - 100)
    assert np.abs(mixed[0, 0] - wanted).max() <= 0.5


@given(st.floats(-5, 5))
def test_heat_outside_the_scale_is_clipped(value):
    inside = float(np.clip(value, 0, 1))
    assert np.array_equal(colour_map(np.full((1, 1), value)), colour_map(np.full((1, 1), inside)))


def test_strength_out_of_range_is_refused():
    with pytest.raises(ValueError, match="strength"):
        overlay_heat(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), 1.5)


def test_gradient_runs_from_violet_to_yellow():
    assert HEAT_GRADIENT.startswith("linear-gradient(90deg, #440154")
    assert HEAT_GRADIENT.endswith("#fde725)")
