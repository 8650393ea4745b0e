import numpy as np
import pytest
from PIL import Image

from fauxto.audit.run import audit


@pytest.fixture(scope="session")
def audited(tmp_path_factory):
    """A folder of 40 pictures of many sizes and three bad files, and its audit."""
    root = tmp_path_factory.mktemp("audited")
    rng = np.random.default_rng(0)
    for split, n in (("train", 14), ("test", 6)):
        for label, suffix in (("real", "jpg"), ("fake", "png")):
            folder = root / "data" / split / label
            folder.mkdir(parents=True)
            for number in range(n):
                width, height = rng.integers(80, 200, 2)
                coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
                picture.save(folder / f"{number:02}.{suffix}")
    bad = root / "data/train/real"
    (bad / "cut.jpg").write_bytes((bad / "00.jpg").read_bytes()[:900])
    (bad / "text.jpg").write_text("no picture")
    (bad / "empty.jpg").touch()
    audit(root / "data", out=root / "audit", workers=1)
    return root
