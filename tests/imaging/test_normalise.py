import numpy as np
from PIL import Image

from fauxto.core.records import Preprocess
from fauxto.imaging.normalise import write_normalised
from fauxto.imaging.preprocess import to_input


def test_writes_the_numbers_of_to_input_bit_by_bit():
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 256, (19, 23, 3), dtype=np.uint8))
    preprocess = Preprocess(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    batch = np.full((2, 19, 23, 3), np.nan, np.float32)
    write_normalised(picture, preprocess, batch[1])
    np.testing.assert_array_equal(batch[1].transpose(2, 0, 1), to_input(picture, preprocess))
    assert np.isnan(batch[0]).all()
