import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int, *, fake: bool, size=(96, 80)) -> Image.Image:
    """A smooth random picture; fakes carry a checkerboard, as crude up-sampling leaves."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 255, (6, 6, 3), np.uint8))
    pixels = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    if fake:
        rows, columns = np.indices(pixels.shape[:2])
        pixels = pixels + (((rows + columns) % 2) * 60 - 30)[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture
def toy_folder(tmp_path) -> Path:
    """40 good pictures in {train,test}/{real,fake}, one duplicate, three broken files."""
    root = tmp_path / "toy"
    for split, count in (("train", 14), ("test", 6)):
        for offset, label in enumerate(("real", "fake")):
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(count):
                seed = {"train": 0, "test": 1000}[split] + 100 * offset + index
                content = jpeg(picture(seed, fake=label == "fake"))
                (folder / f"{index:03}.jpg").write_bytes(content)
    good = (root / "train/real/000.jpg").read_bytes()
    (root / "train/real/copy of 000.jpg").write_bytes(good)
    (root / "train/real/cut.jpg").write_bytes(good[: len(good) // 2])
    (root / "test/fake/text.jpg").write_text("no picture")
    (root / "train/fake/empty.jpg").write_bytes(b"")
    return root
