import io
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from starlette.testclient import TestClient

from fauxto.core.records import (
    ClassCounts,
    DataSummary,
    Environment,
    ModelCard,
    OperatingPoint,
    Policy,
    Preprocess,
)
from fauxto.models.onnx_scorer import CARD_KEY
from fauxto.serve.app import create_app
from fauxto.serve.settings import ServeLimits, ServeSettings

PREPROCESS = Preprocess(size_px=16)
CARD = ModelCard(
    name="tiny",
    architecture="none",
    parameters=1,
    preprocess=PREPROCESS,
    preprocess_hash=PREPROCESS.hash,
    temperature=1.5,
    threshold=0.6,
    policy=Policy.BALANCED,
    operating_points=(
        OperatingPoint(policy="argmax", threshold=0.5, recall_fake=1, fpr=0),
        OperatingPoint(policy="balanced", threshold=0.6, recall_fake=1, fpr=0),
    ),
    unsure_band=(0.55, 0.65),
    data=DataSummary(digest="0", counts={"val": ClassCounts(real=20, fake=20)}),
    seed=1,
    epochs=1,
    best_epoch=1,
    best_val_loss=0.1,
    batch_size=1,
    lr=0.1,
    weights_source="none",
    weights_licence="none",
    wall_time_s=1,
    environment=Environment(python="3", platform="x", device="cpu"),
    limits=("It has learnt <nothing>.",),
)


def tiny_model(path, *, cam=True):
    """A random convolution whose mean is the logits, and whose difference is the map."""
    rng = np.random.default_rng(3)

    def constant(name, values):
        return numpy_helper.from_array(np.asarray(values), name)

    weights = rng.normal(0, 0.6, (2, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["maps", "space"], ["logits"], keepdims=0),
        helper.make_node("Gather", ["maps", "one"], ["fake"], axis=1),
        helper.make_node("Gather", ["maps", "zero"], ["real"], axis=1),
        helper.make_node("Sub", ["fake", "real"], ["cam"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])]
    if cam:
        outputs.append(helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", 16, 16]))
    graph = helper.make_graph(
        nodes if cam else nodes[:2],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 16, 16])],
        outputs,
        [
            constant("w", weights),
            constant("space", np.array([2, 3], np.int64)),
            constant("one", np.array(1, np.int64)),
            constant("zero", np.array(0, np.int64)),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, CARD.model_dump_json()
    onnx.save_model(model, path)
    return path


def picture(seed=0, size=(40, 30), mode="RGB"):
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(seed=0, size=(40, 30), image_format="PNG", mode="RGB", **options):
    buffer = io.BytesIO()
    picture(seed, size, mode).save(buffer, image_format, **options)
    return buffer.getvalue()


LIMITS = ServeLimits(
    max_file_bytes=2_000_000, max_files=4, max_request_bytes=3_000_000, max_pixels=1_000_000
)


@contextmanager
def running(scorer, **settings):
    settings = {"limits": LIMITS, "decode_workers": 1, **settings}
    app = create_app(scorer, ServeSettings(**settings))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@contextmanager
def served(model_path, *flags, env=None):
    """A real server in a process of its own; gives the process and its address."""
    command = [
        sys.executable, "-m", "fauxto", "serve", "--model", str(model_path), "--port", "0",
        "--workers", "1", *flags,
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                break
        else:
            pytest.fail("the server did not start")
        yield process, int(found.group(1))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        process.stderr.close()
