import hashlib

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from fauxto.core.artifacts import IMAGES, PREPARE, claim_folder, finish_folder, write_json
from fauxto.core.records import Preprocess
from fauxto.data.prepared import open_dataset
from fauxto.data.table import IMAGE_SCHEMA, write_table


@pytest.fixture(autouse=True, scope="package")
def _one_thread():
    """Before any fixture trains: the last bits of a sum depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def draw(label, seed, size_px):
    """Return a picture whose class shows: real smooth, fake noisy."""
    rng = np.random.default_rng((seed, label == "fake"))
    side = size_px if label == "fake" else 4
    pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((size_px, size_px), Image.Resampling.BICUBIC)


def write_dataset(
    folder,
    *,
    size_px=32,
    counts=(9, 3, 2),
    generators=("noise",),
    fit="squash",
    split_method="given",
):
    """Write what ``fauxto prepare`` writes: ``counts`` pictures a class in train, val and test."""
    claim = claim_folder(folder, "prepare", {"size": size_px})
    rows = []
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        for label in ("real", "fake"):
            for number in range(count):
                path = f"{split}/{label}/{number}.png"
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                seed = 1000 * ("train", "val", "test").index(split) + number
                draw(label, seed, size_px).save(folder / path)
                digest = hashlib.sha256((folder / path).read_bytes()).hexdigest()
                rows.append(
                    {
                        "path": path, "label": label, "split": split, "status": "ok",
                        "sha256": digest,
                        "generator": generators[number % len(generators)]
                        if label == "fake"
                        else None,
                        "group": path,
                    }
                )  # fmt: skip
    frame = pl.DataFrame(rows, infer_schema_length=None)
    missing = [name for name in IMAGE_SCHEMA if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None).alias(name) for name in missing)
    frame = frame.select(*IMAGE_SCHEMA, pl.col("path").alias("original")).cast(IMAGE_SCHEMA)
    write_table(folder / IMAGES, frame.sort("path"))
    preprocess = Preprocess(size_px=size_px, fit=fit).model_dump(mode="json")
    write_json(folder / PREPARE, {"preprocess": preprocess, "split_method": str(split_method)})
    finish_folder(claim)
    open_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def make_dataset():
    return write_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "set")
