import copy

import numpy as np
import pytest
import torch
from torch import nn

from fauxto.explain.faithfulness import (
    Curves,
    blurred,
    centre_prior,
    estimate_mean,
    random_map,
    summarise_curves,
    trace_curves,
)
from fauxto.explain.sanity import destroy_weights

SIDE = 60


def corner_score(images):
    """Detail in the top left corner."""
    return images[:, :, :15, :15].std(axis=(1, 2, 3)).clip(0, 1)


@pytest.fixture
def image():
    return np.random.default_rng(1).random((3, SIDE, SIDE), np.float32)


def corner_map():
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[:15, :15] = 1
    return heat


def trace_all(image, heat):
    rng = np.random.default_rng(0)
    return {
        "map": trace_curves(corner_score, image, heat),
        "random": trace_curves(corner_score, image, random_map(SIDE, SIDE, rng)),
        "centre": trace_curves(corner_score, image, centre_prior(SIDE, SIDE)),
    }


def test_deletion_ends_with_the_mean_colour_and_insertion_starts_with_the_blur(image):
    curves = trace_curves(corner_score, image, corner_map())
    whole = float(corner_score(image[None])[0])
    blank = float(corner_score(blurred(image)[None])[0])
    assert curves.deletion[[0, -1]].tolist() == pytest.approx([whole, 0])
    assert curves.insertion[[0, -1]].tolist() == pytest.approx([blank, whole])


def test_true_map_deletes_at_once_and_inserts_at_once(image):
    curves = trace_curves(corner_score, image, corner_map())
    assert curves.deletion[1:].max() < curves.deletion[0] / 5
    assert curves.insertion[1:].min() > curves.insertion[-1] * 0.95
    assert curves.gain > 0.2


def test_true_map_beats_what_knows_nothing_and_a_false_one_does_not():
    images = np.random.default_rng(3).random((10, 3, SIDE, SIDE), np.float32)
    right = summarise_curves([trace_all(one, corner_map()) for one in images], seed=0)
    assert right.images == 10
    assert right.over_centre.low > 0
    assert right.is_informative
    wrong = summarise_curves([trace_all(one, corner_map()[::-1, ::-1].copy()) for one in images], 0)
    assert wrong.over_centre.high < 0
    assert not wrong.is_informative


def test_blank_map_counts_as_a_centre_prior(image):
    blank = trace_curves(corner_score, image, np.zeros((SIDE, SIDE), np.float32))
    centre = trace_curves(corner_score, image, centre_prior(SIDE, SIDE))
    assert np.allclose(blank.deletion, centre.deletion, atol=0.02)


def test_gain_is_the_area_between_the_curves():
    curves = Curves(np.array([1.0, 0.5, 0.0]), np.array([0.0, 1.0, 1.0]))
    assert curves.gain == pytest.approx(0.75 - 0.5)


def test_summary_holds_the_mean_curves_their_areas_and_intervals():
    first = Curves(np.array([1.0, 0.5, 0.0]), np.array([0.0, 1.0, 1.0]))
    second = Curves(np.array([1.0, 1.0, 1.0]), np.array([0.0, 0.0, 0.0]))
    per_image = [{"map": one, "random": second, "centre": second} for one in (first, second)]
    found = summarise_curves(per_image, seed=0)
    own = found.curves["map"]
    assert own.mean.deletion.tolist() == [1, 0.75, 0.5]
    assert own.low.deletion.tolist() == [1, 0.5, 0]
    assert own.high.insertion.tolist() == [0, 1, 1]
    assert own.deletion_area.mean == pytest.approx((0.5 + 1) / 2)
    assert own.insertion_area.mean == pytest.approx((0.75 + 0) / 2)
    assert found.gain == own.gain
    assert own.gain.mean == pytest.approx(own.insertion_area.mean - own.deletion_area.mean)
    assert found.over_random.mean == pytest.approx((0.25 - -1) / 2)


def test_random_maps_follow_their_generator():
    first = random_map(50, 70, np.random.default_rng(5))
    assert first.shape == (50, 70)
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.array_equal(first, random_map(50, 70, np.random.default_rng(5)))
    assert not np.array_equal(first, random_map(50, 70, np.random.default_rng(6)))


def test_interval_holds_the_mean_and_narrows_with_images():
    rng = np.random.default_rng(0)
    few, many = estimate_mean(rng.normal(2, 1, 10), 1), estimate_mean(rng.normal(2, 1, 1000), 1)
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 5


def test_weights_are_destroyed_from_the_output_backwards_in_a_copy():
    module = nn.Sequential(nn.Linear(8, 9), nn.Linear(9, 7), nn.Linear(7, 2))
    before = copy.deepcopy(module.state_dict())
    changed = []
    for _, ruin in destroy_weights(module, seed=1):
        after = ruin.state_dict()
        changed.append([not torch.equal(before[key], after[key]) for key in before])
        for key, weight in before.items():  # shuffled, not replaced
            assert torch.equal(weight.flatten().sort().values, after[key].flatten().sort().values)
    assert all(torch.equal(before[key], weight) for key, weight in module.state_dict().items())
    assert len(changed) == 3  # one step a layer: six shares of three layers
    assert not any(changed[0][:4])
    assert changed[0][4]
    assert not any(changed[1][:2])
    assert all(changed[-1])
    counts = [sum(step) for step in changed]
    assert counts == sorted(counts)
