import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from fauxto.core.errors import ArtifactError
from fauxto.export import run as verb
from fauxto.models.onnx_scorer import OnnxScorer


def test_an_existing_file_is_not_replaced_unasked(tmp_path):
    out = tmp_path / "model.onnx"
    out.write_bytes(b"precious")
    with pytest.raises(ArtifactError, match="--overwrite"):
        verb.export(tmp_path / "run", out=out)
    assert out.read_bytes() == b"precious"


def test_the_file_must_be_named_onnx(tmp_path):
    with pytest.raises(ArtifactError, match=r"must end in \.onnx"):
        verb.export(tmp_path / "run", out=tmp_path / "model.bin")


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(ArtifactError, match="not a folder written by"):
        verb.export(tmp_path, out=tmp_path / "model.onnx")


def test_an_onnx_file_without_a_card_is_refused(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["logits"])],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.save_model(model, tmp_path / "foreign.onnx")
    with pytest.raises(ArtifactError, match="no fauxto card"):
        OnnxScorer(tmp_path / "foreign.onnx")


def test_a_file_that_is_no_onnx_model_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ArtifactError, match="cannot be opened as an ONNX model"):
        OnnxScorer(tmp_path / "text.onnx")
    with pytest.raises(ArtifactError, match="does not exist"):
        OnnxScorer(tmp_path / "gone.onnx")


def test_a_file_whose_scores_differ_is_not_written(tmp_path, monkeypatch):
    class Module(torch.nn.Module):
        def forward(self, inputs):
            return inputs.mean((2, 3))[:, :2]

    from fauxto.core.records import Preprocess

    class Card:
        preprocess = Preprocess(size_px=16)
        temperature = 1.0

    class Loaded:
        module = Module()
        card = Card()

    class Wrong:
        def __init__(self, path):
            pass

        def logits(self, inputs):
            return Module()(torch.from_numpy(inputs)).numpy() + np.array([[0.0, 0.5]])

    monkeypatch.setattr(verb, "load_run", lambda run: Loaded())
    monkeypatch.setattr(verb, "with_cam", lambda loaded: loaded.module)
    monkeypatch.setattr(verb, "_to_onnx", lambda loaded, network: b"content")
    monkeypatch.setattr(verb, "OnnxScorer", Wrong)
    with pytest.raises(ArtifactError, match=r"was not written: its scores differ"):
        verb.export(tmp_path, out=tmp_path / "model.onnx")
    assert list(tmp_path.glob("*")) == []


def test_the_file_says_nothing_of_the_machine_that_wrote_it():
    node = helper.make_node("Identity", ["input"], ["logits"], doc_string="model.py")
    trace = node.metadata_props.add()
    trace.key, trace.value = "pkg.torch.onnx.stack_trace", 'File "/home/me/model.py", line 3'
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 2], "model.py")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
    )
    model = helper.make_model(graph)
    assert b"model.py" in model.SerializeToString()
    verb.strip_traces(model)
    assert b"model.py" not in model.SerializeToString()
    onnx.checker.check_model(model)
