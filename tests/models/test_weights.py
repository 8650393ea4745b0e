import urllib.error
import urllib.request

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
import torchvision

from fauxto.core.errors import WeightsError
from fauxto.models import weights as weights_module
from fauxto.models.build import build_network, find_spec
from fauxto.models.specs import MODELS
from fauxto.models.weights import load_weights, read_state

RESNET = MODELS["resnet18"]
LITE = MODELS["efficientnet_lite0"]


def copy_state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.fixture
def resnet():
    return build_network(RESNET, size_px=64)


@pytest.fixture(scope="module")
def imagenet_state():
    torch.manual_seed(5)
    return torchvision.models.resnet18(weights=None).state_dict()


def test_none_leaves_the_random_weights(resnet):
    before = copy_state(resnet)
    assert load_weights(resnet, RESNET, "none") == "random"
    assert all(torch.equal(before[name], value) for name, value in resnet.state_dict().items())


def test_lite_s_weights_come_from_its_package_without_a_network():
    module = build_network(LITE, size_px=224)
    head = module.classifier.weight.clone()
    assert load_weights(module, LITE, "default") == LITE.weights_source
    assert torch.equal(module.classifier.weight, head)
    # The first filters of the published file, to three decimals.
    state = read_state(weights_module._lite_file(LITE))
    assert torch.equal(module.conv_stem.weight, state["_conv_stem.weight"])
    assert torch.equal(module.bn2.running_var, state["_bn1.running_var"])
    assert torch.equal(
        module.blocks[6][0].conv_pwl.weight, state["_blocks.15._project_conv.weight"]
    )


def fail_download(*_args, **_kwargs):
    raise urllib.error.URLError(OSError("Network is unreachable"))


def test_torchvision_without_network_names_file_source_and_place(resnet, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", fail_download)
    before = copy_state(resnet)
    with pytest.raises(WeightsError) as caught:
        load_weights(resnet, RESNET, "default")
    message = str(caught.value)
    assert RESNET.weights_source in message
    assert str(tmp_path / "hub" / "checkpoints" / RESNET.weights_file) in message
    assert "Network is unreachable" in message
    assert "--weights FILE" in message
    assert all(torch.equal(before[name], value) for name, value in resnet.state_dict().items())


def test_timm_without_network_names_repository_and_file(monkeypatch, tmp_path):
    monkeypatch.setattr(urllib.request, "urlopen", fail_download)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    spec = MODELS["convnextv2_tiny"]
    with torch.device("meta"):
        module = build_network(spec, size_px=224)
    with pytest.raises(WeightsError) as caught:
        load_weights(module, spec, "default")
    message = str(caught.value)
    assert spec.weights_source in message
    assert spec.weights_file in message
    assert "--weights FILE" in message


def test_timm_s_cached_weights_need_no_network(monkeypatch, tmp_path):
    monkeypatch.setattr(urllib.request, "urlopen", fail_download)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    spec = find_spec("mobilenetv3_small_050")
    published = timm.create_model(spec.factory, pretrained=False)
    repository = tmp_path / f"models--{spec.weights_source.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    safetensors.torch.save_file(copy_state(published), snapshot / spec.weights_file)
    module = build_network(spec, size_px=64)
    assert load_weights(module, spec, "default") == spec.weights_source
    assert torch.equal(module.conv_stem.weight, published.conv_stem.weight)
    assert module.get_submodule(spec.classifier).out_features == 2


def test_a_damaged_download_is_not_used(resnet, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints" / RESNET.weights_file
    place.parent.mkdir(parents=True)
    place.write_bytes(b"half a file")
    with pytest.raises(WeightsError, match=RESNET.weights_file):
        load_weights(resnet, RESNET, "default")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_file_fills_all_but_the_head(resnet, imagenet_state, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        safetensors.torch.save_file(imagenet_state, path)
    else:
        torch.save({"state_dict": imagenet_state, "epoch": 3}, path)
    head = resnet.fc.weight.clone()
    assert load_weights(resnet, RESNET, str(path)) == f"file {path.name}"
    assert torch.equal(resnet.layer4[1].conv2.weight, imagenet_state["layer4.1.conv2.weight"])
    assert torch.equal(resnet.fc.weight, head)


def test_file_with_two_outputs_fills_the_head_too(resnet, tmp_path):
    torch.manual_seed(9)
    other = build_network(RESNET, size_px=64)
    safetensors.torch.save_file(copy_state(other), tmp_path / "w.safetensors")
    load_weights(resnet, RESNET, str(tmp_path / "w.safetensors"))
    assert torch.equal(resnet.fc.weight, other.fc.weight)


def test_names_with_the_prefix_of_parallel_training_fit(resnet, imagenet_state, tmp_path):
    path = tmp_path / "w.pth"
    torch.save({f"module.{name}": value for name, value in imagenet_state.items()}, path)
    load_weights(resnet, RESNET, str(path))
    assert torch.equal(resnet.conv1.weight, imagenet_state["conv1.weight"])


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(resnet, imagenet_state, tmp_path):
    state = dict(imagenet_state)
    del state["layer1.0.conv1.weight"]
    state["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    state["extra.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "w.pth")
    before = copy_state(resnet)
    with pytest.raises(WeightsError) as caught:
        load_weights(resnet, RESNET, str(tmp_path / "w.pth"))
    message = str(caught.value)
    assert "layer1.0.conv1.weight" in message
    assert "conv1.weight (64, 3, 3, 3) for (64, 3, 7, 7)" in message
    assert "extra.weight" in message
    assert all(torch.equal(before[name], value) for name, value in resnet.state_dict().items())


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("content", ["text", "object", "list", "missing", "truncated"])
def test_what_is_no_weights_file_is_refused_and_never_executed(content, tmp_path, capsys):
    path = tmp_path / ("w.safetensors" if content == "truncated" else "w.pth")
    if content in ("text", "truncated"):
        path.write_bytes(b"these are no weights")
    elif content == "object":
        torch.save(Evil(), path)
    elif content == "list":
        torch.save([1, 2], path)
    with pytest.raises(WeightsError, match=path.name):
        read_state(path)
    assert "executed" not in capsys.readouterr().out
