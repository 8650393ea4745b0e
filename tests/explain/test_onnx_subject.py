import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from fauxto.core.errors import ArtifactError, RecipeError
from fauxto.core.records import Environment, ModelCard, Policy, Preprocess
from fauxto.explain.layout import Layout
from fauxto.explain.methods import explain_sides
from fauxto.explain.onnx_subject import open_onnx_subject
from fauxto.explain.run import explain
from fauxto.models.onnx_scorer import CAM_NAME, CARD_KEY, INPUT_NAME, LOGITS_NAME
from fauxto.models.specs import MODELS, Kind

_location = importlib.util.spec_from_file_location("nets", Path(__file__).parent / "conftest.py")
nets = importlib.util.module_from_spec(_location)
_location.loader.exec_module(nets)

SIDE = 64
CELL = 8
PREPROCESS = Preprocess(size_px=SIDE, mean=(0, 0, 0), std=(1, 1, 1))


def make_card():
    return ModelCard(
        name="file",
        architecture="corner",
        parameters=1,
        preprocess=PREPROCESS,
        preprocess_hash=PREPROCESS.hash,
        temperature=1.5,
        threshold=0.5,
        policy=Policy.BALANCED,
        operating_points=(),
        data={"digest": "0", "counts": {}},
        seed=0,
        epochs=1,
        best_epoch=1,
        best_val_loss=0.1,
        batch_size=8,
        lr=1e-4,
        weights_source="none",
        weights_licence="none",
        wall_time_s=1,
        environment=Environment(python="3", platform="x", device="cpu"),
    )


def write_corner_file(path, *, with_cam=True):
    """Write an ONNX file that says fake where the top left corner is bright."""
    seen = np.zeros((1, 1, SIDE // CELL, SIDE // CELL), np.float32)
    seen[:, :, :2, :2] = 1
    constants = {
        "kernel": np.full((1, 3, CELL, CELL), 1 / (3 * CELL * CELL), np.float32),
        "seen": seen,
        "weight": np.array([[-40.0, 40.0]], np.float32),
        "bias": np.array([1.0, -1.0], np.float32),
        "factor": np.array(80.0, np.float32),
        "axes": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node(
            "Conv", [INPUT_NAME, "kernel"], ["bright"], kernel_shape=[CELL, CELL],
            strides=[CELL, CELL],
        ),
        helper.make_node("Mul", ["bright", "seen"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], [LOGITS_NAME]),
        helper.make_node("Squeeze", ["features", "axes"], ["plane"]),
        helper.make_node("Mul", ["plane", "factor"], [CAM_NAME]),
    ]  # fmt: skip
    cells = SIDE // CELL
    outputs = [helper.make_tensor_value_info(LOGITS_NAME, TensorProto.FLOAT, ["n", 2])]
    if with_cam:
        shape = ["n", cells, cells]
        outputs.append(helper.make_tensor_value_info(CAM_NAME, TensorProto.FLOAT, shape))
    graph = helper.make_graph(
        nodes if with_cam else nodes[:5],
        "corner",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, make_card().model_dump_json()
    onnx.save_model(model, path)
    return path


@pytest.fixture
def corner_file(tmp_path):
    return write_corner_file(tmp_path / "corner.onnx")


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for label, corner in (("real", 0), ("fake", 255)):
        folder = tmp_path / "data" / "test" / label
        folder.mkdir(parents=True)
        for index in range(5):
            pixels = rng.integers(60, 190, (SIDE, SIDE, 3))
            pixels[:16, :16] = corner
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{label}{index}.png")
    return tmp_path / "data"


@pytest.mark.parametrize("method", ["cam", "occlusion"])
def test_file_that_reads_one_corner_lights_up_that_corner(method, corner_file):
    inputs = np.random.default_rng(0).uniform(0.5, 1, (3, 3, SIDE, SIDE)).astype(np.float32)
    subject = open_onnx_subject(corner_file, method)
    maps = subject.explain(inputs, method, np.ones(3))
    assert maps.shape == (3, SIDE, SIDE)
    assert maps.max(axis=(1, 2)) == pytest.approx(1)
    assert (maps[:, :28, :28].sum(axis=(1, 2)) / maps.sum(axis=(1, 2))).min() > 0.95
    assert subject.explain(inputs, method, -np.ones(3)).max() == 0


def test_mean_of_the_map_and_the_biases_are_the_logit_difference(corner_file):
    inputs = np.random.default_rng(0).random((4, 3, SIDE, SIDE), np.float32)
    scorer = open_onnx_subject(corner_file, "auto").scorer
    expected = scorer.logits(inputs) @ [-1, 1]
    assert np.allclose(scorer.cam(inputs).mean(axis=(1, 2)) - 2, expected, atol=1e-4)


def test_file_without_a_map_is_explained_by_occlusion(tmp_path):
    path = write_corner_file(tmp_path / "plain.onnx", with_cam=False)
    subject = open_onnx_subject(path, "auto")
    assert subject.methods == ("occlusion",)
    with pytest.raises(ArtifactError, match="no class activation map"):
        subject.scorer.cam(np.zeros((1, 3, SIDE, SIDE), np.float32))
    with pytest.raises(RecipeError, match="choose auto or some of occlusion"):
        open_onnx_subject(path, "gradcam,cam")


def test_onnx_file_is_explained_and_its_maps_are_tested(corner_file, data, tmp_path):
    result = explain(
        [corner_file], data=data, out=tmp_path / "out", method="cam,occlusion", target="fake",
        tested=10, measured=10, sample=4, workers=1,
    )  # fmt: skip
    regions = pl.read_parquet(result.folder / "regions.parquet")
    assert set(regions["method"]) == {"cam", "occlusion"}
    assert regions.filter(pl.col("label") == "fake")["centre_x"].max() < 0.25
    page = (result.folder / "index.html").read_text()
    assert "more faithful than a bright centre and random blobs" in page
    reused = explain(
        [corner_file], data=data, out=tmp_path / "out", method="cam,occlusion", target="fake",
        tested=10, measured=10, sample=4, workers=1,
    )  # fmt: skip
    assert reused.reused


def test_onnx_file_needs_a_folder_to_write_to(corner_file, data, tmp_path):
    with pytest.raises(RecipeError, match="--out"):
        explain([corner_file], data=data)
    with pytest.raises(ArtifactError, match="does not exist"):
        explain([tmp_path / "gone.onnx"], data=data, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_onnx_file_is_explained_where_torch_is_not_installed(corner_file, data, tmp_path):
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "timm", "captum", "onnx"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from fauxto.cli.app import main
main()
"""
    picture = data / "test" / "fake" / "fake0.png"
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", program, "explain", str(corner_file), "--images", str(picture),
         "--out", str(out), "--quiet"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "01-fake0--file--cam-map.png").is_file()


class SmallCnn(torch.nn.Module):
    """A network that averages positions before one linear layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.features = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 8, 8), torch.nn.ReLU())
        self.fc = torch.nn.Linear(6, 2)

    def forward(self, inputs):
        return self.fc(self.features(inputs).mean((2, 3)))


def loaded(module, spec, size_px=SIDE):
    class Loaded:
        card = make_card().model_copy(update={"preprocess": Preprocess(size_px=size_px)})

    Loaded.module, Loaded.spec = module.eval(), spec
    return Loaded


def test_exported_map_is_gradcams_and_its_mean_is_the_logit_difference(tmp_path, monkeypatch):
    import fauxto.export.run as export_room
    from fauxto.models.onnx_scorer import OnnxScorer

    module = SmallCnn()
    spec = replace(MODELS["resnet18"], cam_layer="features")
    monkeypatch.setattr(export_room, "load_run", lambda run: loaded(module, spec))
    result = export_room.export(tmp_path, out=tmp_path / "net.onnx")
    assert result.max_score_difference < 1e-4
    scorer = OnnxScorer(result.path)
    inputs = np.random.default_rng(0).normal(size=(3, 3, SIDE, SIDE)).astype(np.float32)
    bias = module.fc.bias.detach().numpy()
    logits = scorer.logits(inputs)
    mean = scorer.cam(inputs).mean(axis=(1, 2)) + bias[1] - bias[0]
    assert np.allclose(mean, logits[:, 1] - logits[:, 0], atol=1e-4)
    subject = open_onnx_subject(result.path, "auto")
    for side in (1.0, -1.0):
        sides = np.full(3, side)
        expected = explain_sides(
            module, torch.from_numpy(inputs), Layout(Kind.CNN, "features"), "gradcam", sides
        )
        assert np.allclose(subject.explain(inputs, "cam", sides), expected, atol=1e-3)
    notes = onnx.load(result.path).metadata_props
    assert any("adds to the log odds of fake" in entry.value for entry in notes)


@pytest.mark.parametrize(
    ("name", "exact"),
    [("resnet18", True), ("efficientnet_lite0", True), ("test_convnext", False),
     ("test_vit", False)],
)  # fmt: skip
def test_only_heads_that_are_linear_in_the_average_have_a_map(name, exact):
    from fauxto.export.cam import WithCam, with_cam
    from fauxto.models.build import build_network, find_spec

    spec = find_spec(name)
    size = spec.input_px if not spec.any_size else SIDE
    module = build_network(spec, size_px=size)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    found = with_cam(loaded(module, spec, size))
    assert isinstance(found, WithCam) is exact
    assert not any(part._forward_hooks for part in module.modules())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
