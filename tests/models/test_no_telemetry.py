import subprocess
import sys


def test_a_session_leaves_nothing_in_the_home_folder(tmp_path):
    """ONNX Runtime 1.32 writes a device identifier and a queue of reports for its maker."""
    code = (
        "import fauxto.models.onnx_scorer, onnxruntime, onnx\n"
        "from onnx import TensorProto, helper\n"
        "value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in 'ab']\n"
        "node = helper.make_node('Identity', ['a'], ['b'])\n"
        "graph = helper.make_graph([node], 'g', value[:1], value[1:])\n"
        "model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)])\n"
        "model.ir_version = 10\n"
        "onnxruntime.InferenceSession(model.SerializeToString())\n"
    )
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], env=home, check=True)
    assert list(tmp_path.rglob("*")) == []
