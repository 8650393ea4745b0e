import torch

from fauxto.core.records import DataSummary, Environment, ModelCard, Preprocess
from fauxto.export import run as verb
from fauxto.models.onnx_scorer import OnnxScorer


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Conv2d(3, 2, 3)

    def forward(self, inputs):
        return self.layer(inputs).mean((2, 3))


def load(seconds):
    preprocess = Preprocess(size_px=16)

    class Loaded:
        module = Network().eval()
        card = ModelCard(
            name="run", architecture="none", parameters=1, preprocess=preprocess,
            preprocess_hash=preprocess.hash, temperature=1, threshold=0.5, policy="argmax",
            operating_points=(), data=DataSummary(digest="0", counts={}), seed=1, epochs=1,
            best_epoch=1, best_val_loss=0.1, batch_size=1, lr=0.1, weights_source="none",
            weights_licence="none", wall_time_s=seconds,
            environment=Environment(python="3", platform="x", device="cpu"),
        )  # fmt: skip

    return Loaded()


def test_equal_runs_give_equal_files_however_long_they_took(tmp_path):
    quick, slow = load(1.0), load(99.0)
    written = verb._to_onnx(quick, quick.module)
    assert written == verb._to_onnx(slow, slow.module)
    (tmp_path / "m.onnx").write_bytes(written)
    assert OnnxScorer(tmp_path / "m.onnx").card.wall_time_s is None
    assert quick.card.wall_time_s == 1.0
