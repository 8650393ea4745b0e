import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from fauxto.imaging.decode import decode_rgb
from fauxto.imaging.hashing import hamming_distance, hash_picture

BITS = st.integers(0, 2**64 - 1)


@given(BITS, BITS, BITS)
def test_distance_is_a_metric(a, b, c):
    assert hamming_distance(a, a) == 0
    assert hamming_distance(a, b) == hamming_distance(b, a) == bin(a ^ b).count("1")
    assert hamming_distance(a, c) <= hamming_distance(a, b) + hamming_distance(b, c)


def test_mirrored_hash_is_the_hash_of_the_mirrored_picture(photo):
    hashes = hash_picture(photo)
    assert hamming_distance(hashes.mirrored, hash_picture(ImageOps.mirror(photo)).upright) <= 2


def test_re_encoding_and_scaling_move_few_bits_and_another_picture_many(photo, encode):
    upright = hash_picture(photo).upright
    jpeg = decode_rgb(encode(photo, "JPEG", quality=40)).rgb
    assert hamming_distance(upright, hash_picture(jpeg).upright) <= 6
    assert hamming_distance(upright, hash_picture(photo.resize((300, 200))).upright) <= 6
    turned = photo.transpose(Image.Transpose.ROTATE_90)
    assert hamming_distance(upright, hash_picture(turned).upright) > 16


def test_hash_is_that_of_the_imagehash_recipe(photo):
    fft = pytest.importorskip("scipy.fft")
    grey = np.asarray(photo.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    low = fft.dct(fft.dct(grey, axis=0), axis=1)[:8, :8]
    expected = int("".join("1" if bit else "0" for bit in (low > np.median(low)).ravel()), 2)
    assert hash_picture(photo).upright == expected


def test_a_plain_picture_has_a_stable_hash():
    assert hash_picture(Image.new("RGB", (50, 40), "grey")).upright == 1 << 63
    assert hash_picture(Image.new("RGB", (50, 40))).upright == 0
