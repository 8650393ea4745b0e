import numpy as np
import pytest

from fauxto.explain.maps import rank_agreement, rescale, stretch
from fauxto.explain.measures import compare_samples, measure_region

GREY = np.full((40, 80, 3), 120, np.uint8)


def test_even_map_has_the_documented_numbers():
    region = measure_region(np.ones((40, 80), np.float32), GREY)
    assert region.centre_x == pytest.approx(0.5)
    assert region.centre_y == pytest.approx(0.5)
    assert region.border_share == pytest.approx(0.36)
    assert region.top_share == pytest.approx(0.1)
    assert region.entropy == pytest.approx(1)
    assert region.edge_ratio == 1
    assert region.saturation_ratio == 1


def test_one_pixel_has_its_place_and_no_entropy():
    heat = np.zeros((40, 80))
    heat[30, 8] = 0.5
    region = measure_region(heat, GREY)
    assert (region.centre_x, region.centre_y) == pytest.approx((8.5 / 80, 30.5 / 40))
    assert region.border_share == pytest.approx(0)
    assert region.top_share == pytest.approx(1)
    assert region.entropy == 0


def test_mass_at_the_edge_is_border():
    heat = np.zeros((40, 80))
    heat[:, :8] = 1
    assert measure_region(heat, GREY).border_share == pytest.approx(1)


def test_numbers_do_not_depend_on_the_maps_scale():
    heat = np.random.default_rng(0).random((40, 80))
    first, second = measure_region(heat, GREY), measure_region(heat / 7, GREY)
    assert first.entropy == pytest.approx(second.entropy)
    assert first.top_share == pytest.approx(second.top_share)


def test_blank_map_lies_nowhere():
    assert measure_region(np.zeros((40, 80)), GREY) is None


def test_edges_and_colour_under_the_map_raise_their_ratios():
    rgb = GREY.copy()
    rgb[:, 20:22] = 255  # an edge on the left
    rgb[:, 60:] = (200, 10, 10)  # colour on the right
    left, right = np.zeros((40, 80)), np.zeros((40, 80))
    left[:, 18:24] = 1
    right[:, 65:] = 1
    assert measure_region(left, rgb).edge_ratio > 2
    assert measure_region(left, rgb).saturation_ratio < 0.5
    assert measure_region(right, rgb).edge_ratio < 0.1
    assert measure_region(right, rgb).saturation_ratio > 2


def test_effect_size_by_hand():
    # 25 pairs: 5 > everything of the second in 20 of them, smaller in 5.
    first, second = np.array([2.0, 3, 4, 5, 6]), np.array([1.0, 1, 1, 1, 9])
    difference = compare_samples(first, second)
    assert difference.cliffs_delta == pytest.approx((20 - 5) / 25)
    assert difference.first_mean == 4
    assert compare_samples(second, first).cliffs_delta == pytest.approx(-15 / 25)


def test_few_values_are_not_compared():
    assert compare_samples(np.arange(4.0), np.arange(9.0)) is None


def test_rank_agreement_of_equal_reversed_and_flat_maps():
    heat = np.random.default_rng(1).random((64, 48))
    assert rank_agreement(heat, heat**3, cell_px=1) == pytest.approx(1, abs=1e-6)
    assert rank_agreement(heat, 1 - heat) == pytest.approx(-1)
    assert rank_agreement(heat, np.ones_like(heat)) == 0


def test_rescale_keeps_zero_and_stretch_moves_the_floor():
    import torch

    maps = torch.tensor([[[-1.0, 1.0], [2.0, 4.0]], [[3.0, 3.0], [3.0, 3.0]]])
    assert rescale(maps)[0].flatten().tolist() == [0, 0.25, 0.5, 1]
    assert stretch(maps)[0].flatten().tolist() == pytest.approx([0, 0.4, 0.6, 1])
    assert stretch(maps)[1].max() == 0
    assert rescale(-maps.abs()).max() == 0
