import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from serve_inputs import running, served, tiny_model

from fauxto.models.onnx_scorer import OnnxScorer


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def scorer(model_path):
    return OnnxScorer(model_path, threads=1)


@pytest.fixture(scope="session")
def client(scorer):
    with running(scorer) as client:
        yield client


@pytest.fixture(scope="session")
def server(model_path):
    with served(model_path, "--max-mb", "2", "--max-megapixels", "1") as (_, port):
        yield f"http://127.0.0.1:{port}"
