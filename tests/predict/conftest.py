import io

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from fauxto.core.records import (
    DataSummary,
    Environment,
    ModelCard,
    OperatingPoint,
    Policy,
    Preprocess,
)

PREPROCESS = Preprocess(size_px=16)


def make_card(**changes) -> ModelCard:
    fields = {
        "name": "brightness",
        "architecture": "none",
        "parameters": 1,
        "preprocess": PREPROCESS,
        "preprocess_hash": PREPROCESS.hash,
        "temperature": 2.0,
        "threshold": 0.6,
        "policy": Policy.BALANCED,
        "operating_points": (
            OperatingPoint(policy="argmax", threshold=0.5, recall_fake=1, fpr=0),
            OperatingPoint(policy="balanced", threshold=0.6, recall_fake=1, fpr=0),
        ),
        "unsure_band": (0.45, 0.55),
        "data": DataSummary(digest="0", counts={}),
        "seed": 1,
        "epochs": 1,
        "best_epoch": 1,
        "best_val_loss": 0.1,
        "batch_size": 1,
        "lr": 0.1,
        "weights_source": "none",
        "weights_licence": "none",
        "wall_time_s": None,
        "environment": Environment(python="3", platform="x", device="cpu"),
    }
    return ModelCard(**{**fields, **changes})


class Brightness:
    """Calls bright pictures fake."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        self.name = card.name

    def logits(self, inputs):
        fake = inputs.mean((1, 2, 3))
        return np.stack([np.zeros_like(fake), fake], axis=1).astype(np.float32)


def write_onnx(path, card: ModelCard, *, cam: bool = True) -> None:
    """Write a model that calls bright pictures fake, with the brightness of each place as map."""
    nodes = [
        helper.make_node("ReduceMean", ["input", "channels"], ["grey"], keepdims=1),
        helper.make_node("GlobalAveragePool", ["grey"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "row"], ["fake"]),
        helper.make_node("Sub", ["fake", "fake"], ["real"]),
        helper.make_node("Concat", ["real", "fake"], ["logits"], axis=1),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])]
    if cam:
        nodes += [
            helper.make_node(
                "AveragePool", ["grey"], ["coarse"], kernel_shape=[4, 4], strides=[4, 4]
            ),
            helper.make_node("Squeeze", ["coarse", "channels"], ["cam"]),
        ]
        outputs += [helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", 4, 4])]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 16, 16])],
        outputs,
        [
            helper.make_tensor("channels", TensorProto.INT64, [1], [1]),
            helper.make_tensor("row", TensorProto.INT64, [2], [-1, 1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    entry = model.metadata_props.add()
    entry.key, entry.value = "fauxto_card", card.model_dump_json()
    onnx.checker.check_model(model)
    onnx.save_model(model, path)


def picture(level: int, size: tuple[int, int] = (20, 20)) -> Image.Image:
    return Image.new("RGB", size, (level,) * 3)


def png(level: int) -> bytes:
    buffer = io.BytesIO()
    picture(level).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def card():
    return make_card()


@pytest.fixture
def model(tmp_path, card):
    path = tmp_path / "model" / "brightness.onnx"
    path.parent.mkdir()
    write_onnx(path, card)
    return path


@pytest.fixture
def new_card():
    return make_card


@pytest.fixture
def new_model():
    return write_onnx


@pytest.fixture
def detector(card):
    from fauxto.predict.detector import Detector

    return Detector(Brightness(card))


@pytest.fixture
def new_detector():
    from fauxto.predict.detector import Detector

    def make(*, policy=None, **changes):
        return Detector(Brightness(make_card(**changes)), policy=policy)

    return make
