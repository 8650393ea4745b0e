from io import BytesIO

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo():
    """A smooth 96 × 64 picture with some noise."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((96, 64), Image.Resampling.BICUBIC)).astype(int)
    noisy = smooth + rng.integers(-8, 9, smooth.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@pytest.fixture
def encode():
    def encode_image(image, image_format, **options):
        buffer = BytesIO()
        image.save(buffer, image_format, **options)
        return buffer.getvalue()

    return encode_image
