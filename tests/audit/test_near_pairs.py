import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn

from fauxto.audit.near_pairs import connect, find_near_pairs


def flip_bits(value, bits):
    return np.uint64(int(value) ^ sum(1 << int(bit) for bit in bits))


def make_world(n, seed=0):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    mirrored = rng.integers(0, 2**64, n, dtype=np.uint64)
    return rng, hashes, mirrored, rng.integers(0, 256, (n, 16, 16), dtype=np.uint8)


@pytest.mark.parametrize("distance", range(12))
def test_search_finds_every_planted_copy_up_to_the_asked_distance(distance):
    rng, hashes, mirrored, thumbnails = make_world(400)
    for row in range(100):
        hashes[200 + row] = flip_bits(hashes[row], rng.choice(64, distance, replace=False))
    thumbnails[200:300] = thumbnails[:100]
    pairs = find_near_pairs(hashes, mirrored, thumbnails, max_distance=distance)
    assert pairs.first.tolist() == list(range(100))
    assert pairs.second.tolist() == list(range(200, 300))
    assert set(pairs.distance) == {distance}
    assert not pairs.mirrored.any()


@pytest.mark.parametrize("distance", range(1, 12))
def test_search_finds_nothing_beyond_the_asked_distance(distance):
    rng, hashes, mirrored, thumbnails = make_world(200)
    hashes[100:] = [flip_bits(h, rng.choice(64, distance, replace=False)) for h in hashes[:100]]
    thumbnails[100:] = thumbnails[:100]
    pairs = find_near_pairs(hashes, mirrored, thumbnails, max_distance=distance - 1)
    assert len(pairs.first) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**14 - 1), min_size=2, max_size=60), st.integers(0, 11))
def test_search_agrees_with_comparing_all_pairs(values, max_distance):
    hashes = np.array([value * 0x0004_0010_0040_0101 % 2**64 for value in values], dtype=np.uint64)
    thumbnails = np.tile(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), (len(values), 1, 1))
    far = ~hashes
    pairs = find_near_pairs(hashes, far, thumbnails, max_distance=max_distance)
    plain = {
        (int(i), int(j))
        for i, j, flipped in zip(pairs.first, pairs.second, pairs.mirrored, strict=True)
        if not flipped
    }
    count = len(values)
    assert plain == {
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if int(hashes[i] ^ hashes[j]).bit_count() <= max_distance
    }


def test_equal_hashes_of_different_pictures_are_not_near():
    _, hashes, mirrored, thumbnails = make_world(2)
    hashes[1] = hashes[0]
    assert len(find_near_pairs(hashes, mirrored, thumbnails).first) == 0


def test_mirror_image_is_found_and_marked():
    _, hashes, mirrored, thumbnails = make_world(50)
    hashes[31], mirrored[31] = flip_bits(mirrored[7], [3, 40]), flip_bits(hashes[7], [1, 2])
    thumbnails[31] = thumbnails[7][:, ::-1]
    pairs = find_near_pairs(hashes, mirrored, thumbnails)
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([7], [31])
    assert pairs.mirrored.tolist() == [True]
    assert pairs.distance.tolist() == [2]


def test_mirror_image_must_be_near_both_ways():
    _, hashes, mirrored, thumbnails = make_world(50)
    hashes[31] = mirrored[7]
    thumbnails[31] = thumbnails[7][:, ::-1]
    assert len(find_near_pairs(hashes, mirrored, thumbnails).first) == 0


def test_symmetric_picture_is_a_plain_copy_not_a_mirrored_one():
    _, hashes, mirrored, thumbnails = make_world(20)
    thumbnails[4] = np.maximum(thumbnails[4], thumbnails[4][:, ::-1])
    thumbnails[9] = thumbnails[4]
    hashes[9] = hashes[4]
    mirrored[4] = mirrored[9] = hashes[4]
    assert find_near_pairs(hashes, mirrored, thumbnails).mirrored.tolist() == [False]


def test_hash_of_a_mirrored_picture_differs_in_the_odd_horizontal_frequencies():
    """The identity that lets one transform give both hashes, up to a shift of the median."""
    grey = np.random.default_rng(0).uniform(0, 255, (32, 32))
    plain, mirrored = dctn(grey), dctn(grey[:, ::-1])
    sign = (-1.0) ** np.arange(32)
    np.testing.assert_allclose(mirrored, plain * sign, atol=1e-8)


@pytest.mark.parametrize("n", [0, 1])
def test_search_of_fewer_than_two_pictures_finds_nothing(n):
    _, hashes, mirrored, thumbnails = make_world(n)
    assert len(find_near_pairs(hashes, mirrored, thumbnails).first) == 0


def test_distance_beyond_what_the_bands_guarantee_is_refused():
    _, hashes, mirrored, thumbnails = make_world(3)
    with pytest.raises(ValueError, match="0 to 11"):
        find_near_pairs(hashes, mirrored, thumbnails, max_distance=12)


def test_connect_gives_the_smallest_row_of_each_component():
    first, second = np.array([4, 1, 5]), np.array([2, 4, 6])
    assert connect(8, first, second).tolist() == [0, 1, 1, 3, 1, 5, 5, 7]


def test_connect_without_pairs_leaves_every_row_alone():
    nothing = np.empty(0, dtype=np.int64)
    assert connect(3, nothing, nothing).tolist() == [0, 1, 2]
