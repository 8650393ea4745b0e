import numpy as np
import polars as pl
import pytest
from PIL import Image

from fauxto.core.artifacts import claim_folder, finish_folder, write_json
from fauxto.core.records import (
    DataSummary,
    Environment,
    ModelCard,
    OperatingPoint,
    Policy,
    Preprocess,
)
from fauxto.data.table import IMAGE_SCHEMA, write_table


@pytest.fixture
def card():
    point = OperatingPoint(policy=Policy.BALANCED, threshold=0.55, recall_fake=0.9, fpr=0.1)
    preprocess = Preprocess(size_px=32)
    return ModelCard(
        name="lite",
        architecture="efficientnet_lite0",
        parameters=1234,
        preprocess=preprocess,
        preprocess_hash=preprocess.hash,
        temperature=2.0,
        threshold=0.55,
        policy=Policy.BALANCED,
        operating_points=(point,),
        unsure_band=(0.5, 0.6),
        data=DataSummary(digest="0" * 64, counts={}),
        seed=42,
        epochs=6,
        best_epoch=3,
        best_val_loss=0.2,
        batch_size=8,
        lr=1e-3,
        weights_source="none",
        weights_licence="none",
        wall_time_s=1.0,
        environment=Environment(python="3.11", platform="x", device="cpu"),
    )


class BrightnessScorer:
    """Calls bright pictures fake: the margin grows with the mean of the normalised input."""

    def __init__(self, card):
        self.card = card
        self.name = card.name

    def logits(self, inputs):
        margin = 4 * inputs.mean(axis=(1, 2, 3))
        return np.stack([-margin / 2, margin / 2], axis=1).astype(np.float32)


@pytest.fixture
def scorer(card):
    return BrightnessScorer(card)


@pytest.fixture
def images(tmp_path):
    """Twelve pictures: reals dark, fakes bright, one of each the other way; one fake is broken."""
    rows = []
    for index in range(12):
        label = "fake" if index % 2 else "real"
        bright = (label == "fake") != (index in (2, 3))
        path = f"test/{label}/{index:02d} é'x.png"
        file = tmp_path / "dataset" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(index).integers(0, 60, (32, 32, 3))
        Image.fromarray((noise + (180 if bright else 10)).astype(np.uint8)).save(file)
        if index == 11:
            file.write_bytes(b"not a picture")
        rows.append(
            {
                "path": path,
                "label": label,
                "split": "test",
                "source": ["pexels", "wikiart"][index // 6] if label == "real" else None,
                "generator": ["sd", "dalle"][index // 6] if label == "fake" else None,
                "group": f"g{index // 4}",
                "status": "ok",
                "sha256": f"{index:064x}",
                "format": "JPEG",
                "width": 100 + 300 * index,
                "height": 400,
                "jpeg_quality": 60 + 4 * index,
            }
        )
    return pl.DataFrame(rows, schema=IMAGE_SCHEMA)


@pytest.fixture
def dataset(tmp_path, images, card):
    """A prepared data set with a test split and nothing else."""
    folder = tmp_path / "dataset"
    stash = tmp_path / "stash"
    (folder / "test").rename(stash)
    claim = claim_folder(folder, "prepare", {})
    stash.rename(folder / "test")
    write_table(folder / "images.parquet", images.with_columns(original=pl.col("path")))
    preprocess = Preprocess(size_px=card.preprocess.size_px).model_dump(mode="json")
    write_json(folder / "prepare.json", {"preprocess": preprocess, "split_method": "given"})
    finish_folder(claim)
    return folder


@pytest.fixture
def run(tmp_path, card):
    folder = tmp_path / "run"
    claim = claim_folder(folder, "train", {"recipe": 1})
    write_json(folder / "card.json", card.model_dump(mode="json"))
    finish_folder(claim)
    return folder
