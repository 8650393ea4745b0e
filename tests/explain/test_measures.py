import numpy as np
import pytest

from fauxto.explain.heat import enlarge, keep_positive, rank_agreement
from fauxto.explain.maps import rescale, stretch, to_pixels
from fauxto.explain.measures import compare_samples, find_detail, measure_region

GREY = np.full((40, 80, 3), 120, np.uint8)


def measure(heat, rgb):
    return measure_region(heat, find_detail(rgb))


def test_even_map_has_the_documented_numbers():
    region = measure(np.ones((40, 80), np.float32), GREY)
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
    region = measure(heat, GREY)
    assert (region.centre_x, region.centre_y) == pytest.approx((8.5 / 80, 30.5 / 40))
    assert region.border_share == pytest.approx(0)
    assert region.top_share == pytest.approx(1)
    assert region.entropy == 0


def test_mass_at_the_edge_is_border():
    heat = np.zeros((40, 80))
    heat[:, :8] = 1
    assert measure(heat, GREY).border_share == pytest.approx(1)


def test_numbers_do_not_depend_on_the_maps_scale():
    heat = np.random.default_rng(0).random((40, 80))
    first, second = measure(heat, GREY), measure(heat / 7, GREY)
    assert first.entropy == pytest.approx(second.entropy)
    assert first.top_share == pytest.approx(second.top_share)


def test_blank_map_lies_nowhere():
    assert measure(np.zeros((40, 80)), GREY) is None


def test_edges_and_colour_under_the_map_raise_their_ratios():
    rgb = GREY.copy()
    rgb[:, 20:22] = 255  # an edge on the left
    rgb[:, 60:] = (200, 10, 10)  # colour on the right
    left, right = np.zeros((40, 80)), np.zeros((40, 80))
    left[:, 18:24] = 1
    right[:, 65:] = 1
    assert measure(left, rgb).edge_ratio > 2
    assert measure(left, rgb).saturation_ratio < 0.5
    assert measure(right, rgb).edge_ratio < 0.1
    assert measure(right, rgb).saturation_ratio > 2


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


def test_maps_are_enlarged_alike_as_arrays_and_tensors():
    import torch

    coarse = np.random.default_rng(2).normal(size=(3, 5, 7)).astype(np.float32)
    tensors = rescale(to_pixels(torch.from_numpy(coarse), (64, 96))).numpy()
    assert np.allclose(keep_positive(enlarge(coarse, (64, 96))), tensors, atol=1e-5)
    assert keep_positive(-np.ones((1, 4, 4))).max() == 0


def half_and_half(left, right):
    rgb = np.empty((64, 64, 3), np.uint8)
    rgb[:, :32], rgb[:, 32:] = left, right
    return rgb


LEFT, RIGHT = np.zeros((64, 64)), np.zeros((64, 64))
LEFT[:, 8:24] = 1
RIGHT[:, 40:56] = 1


def test_flat_regions_are_those_of_one_brightness():
    noise = np.random.default_rng(0).integers(0, 255, (64, 32, 3), np.uint8)
    rgb = half_and_half(noise, (90, 140, 200))
    assert measure(LEFT, rgb).flat_ratio == pytest.approx(0)
    assert measure(RIGHT, rgb).flat_ratio > 1.8
    assert measure(LEFT, half_and_half(noise, noise)).flat_ratio is None


def skin(tone, spread):
    """Skin-coloured pixels, brighter and darker by a spread."""
    factor = np.random.default_rng(0).uniform(1 - spread, 1 + spread, (64, 32, 1))
    return np.clip(np.array(tone) * factor, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("tone", [(226, 172, 140), (168, 116, 86), (92, 60, 44)])
def test_detailed_skin_of_any_tone_is_face_like_and_an_even_wall_of_that_colour_is_not(tone):
    face = half_and_half(skin(tone, 0.6), (90, 140, 200))
    assert measure(LEFT, face).face_like_ratio > 1.5
    assert measure(RIGHT, face).face_like_ratio < 0.2
    wall = half_and_half(tone, (90, 140, 200))
    assert not find_detail(wall).face_like[:, :24].any()
    sea = half_and_half(skin((40, 110, 190), 0.6), (90, 140, 200))
    assert measure(LEFT, sea).face_like_ratio is None


def test_samples_of_one_value_do_not_differ():
    difference = compare_samples(np.ones(5), np.ones(7))
    assert difference.p_value == 1.0
    assert difference.cliffs_delta == 0.0
