import numpy as np
import polars as pl
import pytest

from fauxto.core.artifacts import claim_folder, finish_folder, write_json
from fauxto.core.records import (
    DataSummary,
    Environment,
    ModelCard,
    OperatingPoint,
    Policy,
    Preprocess,
)
from fauxto.core.speed import Runtime, Speed, Timing
from fauxto.data.table import PREDICTION_SCHEMA, write_table
from fauxto.metrics.summary import Metrics, summarise


def _make_card(name, **changes):
    point = OperatingPoint(policy=Policy.ARGMAX, threshold=0.5, recall_fake=0.9, fpr=0.1)
    fields = {
        "name": name,
        "architecture": "resnet18",
        "parameters": 11_177_538,
        "preprocess": Preprocess(),
        "preprocess_hash": Preprocess().hash,
        "temperature": 1.0,
        "threshold": 0.5,
        "policy": Policy.ARGMAX,
        "operating_points": (point,),
        "data": DataSummary(digest="0" * 64, counts={}),
        "seed": 42,
        "epochs": 6,
        "best_epoch": 3,
        "best_val_loss": 0.2,
        "batch_size": 256,
        "lr": 5e-5,
        "weights_source": "none",
        "weights_licence": "none",
        "wall_time_s": 12.5,
        "environment": Environment(python="3.11", platform="x", device="cpu"),
    }
    return ModelCard(**(fields | changes))


def _make_table(scores, labels, threshold=0.5, split="test", groups=None):
    n = len(labels)
    columns = {
        name: pl.Series(name, [None] * n, dtype=kind) for name, kind in PREDICTION_SCHEMA.items()
    }
    known = {
        "path": [f"test/{i:05d}.png" for i in range(n)],
        "label": ["fake" if label else "real" for label in labels],
        "split": [split] * n,
        "score": np.asarray(scores, dtype=float),
        "verdict": ["fake" if score >= threshold else "real" for score in scores],
        "group": groups or [None] * n,
        "sha256": [f"{i:064x}" for i in range(n)],
    }
    for name, values in known.items():
        columns[name] = pl.Series(name, values, dtype=PREDICTION_SCHEMA.get(name, pl.String()))
    return pl.DataFrame(list(columns.values()))


@pytest.fixture
def make_run(tmp_path):
    """Write a run folder with an evaluation, as train and evaluate leave it."""

    def build(
        name, table, *, card=None, validation=None, data="d" * 64, threshold=0.5, errors=0, **found
    ):
        run = tmp_path / name
        name = run.name
        claim = claim_folder(run, "train", {"name": name})
        card = card or _make_card(name)
        write_json(run / "card.json", card.model_dump(mode="json"))
        (run / "weights.safetensors").write_bytes(b"0" * 100)
        if validation is not None:
            write_table(run / "validation.parquet", validation)
        finish_folder(claim)
        folder = run / "evaluation" / "test"
        claim = claim_folder(folder, "evaluate", {"name": name})
        labels = (table["label"] == "fake").to_numpy().astype(int)
        fields = summarise(
            labels, table["score"].to_numpy(), threshold, groups=table["group"].to_list()
        )
        metrics = Metrics(
            run=name,
            split="test",
            data=data,
            split_method="grouped",
            n_errors=errors,
            n_unsure=0,
            **fields,
            **found,
        )
        write_json(folder / "metrics.json", metrics.model_dump(mode="json"))
        write_table(folder / "predictions.parquet", table)
        finish_folder(claim)
        return run

    return build


def _flip(labels, wrong):
    """Scores that are right but for the given rows."""
    scores = np.where(labels == 1, 0.9, 0.1) + np.linspace(0, 0.05, len(labels))
    scores[wrong] = 1 - scores[wrong]
    return scores


@pytest.fixture
def write_speed():
    """Write what ``fauxto speed`` leaves in a run folder."""

    def write(run, *, latency_ms=5.0, processor="A", threads=2):
        timings = tuple(
            Timing(
                runtime=runtime,
                device="cpu",
                threads=threads,
                latency_ms=latency_ms,
                latency_range_ms=(latency_ms, latency_ms),
                batch_size=16,
                images_per_s=1000 / latency_ms,
                memory_bytes=300_000_000,
                memory_batch_bytes=400_000_000,
                gpu_memory_bytes=None,
            )
            for runtime in Runtime
        )
        speed = Speed(
            run=run.name,
            size_px=224,
            parameters=11_177_538,
            gflops=1.81,
            weights_bytes=100,
            onnx_bytes=90,
            onnx_note=None,
            processor=processor,
            timings=timings,
            environment=Environment(python="3.11", platform="x", device="cpu"),
        )
        write_json(run / "speed.json", speed.model_dump(mode="json"))

    return write


@pytest.fixture
def make_card():
    return _make_card


@pytest.fixture
def make_table():
    return _make_table


@pytest.fixture
def flip():
    return _flip
