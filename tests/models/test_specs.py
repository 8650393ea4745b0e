import pytest
import torch
from torch import nn

from fauxto.core.errors import RecipeError
from fauxto.models.build import (
    build_network,
    choose_device,
    count_gflops,
    count_parameters,
    find_spec,
    layer_depths,
)
from fauxto.models.specs import MODELS, Kind

NAMES = tuple(MODELS)


def on_meta(name):
    spec = MODELS[name]
    with torch.device("meta"):
        return spec, build_network(spec, size_px=spec.input_px)


def test_the_report_s_networks_and_the_offline_one_are_known():
    assert set(NAMES) == {
        "resnet18", "resnet50", "convnextv2_tiny", "convnextv2_base", "vit_base_patch16_224",
        "efficientnet_lite0",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_row_holds_the_network_s_facts(name):
    spec, module = on_meta(name)
    assert spec.name == name
    assert count_parameters(module) == spec.parameters
    assert count_gflops(module, spec.input_px) == pytest.approx(spec.gflops, rel=0.01)
    head = module.get_submodule(spec.classifier)
    assert isinstance(head, nn.Linear)
    assert head.out_features == 2
    assert module(torch.zeros(3, 3, spec.input_px, spec.input_px, device="meta")).shape == (3, 2)


@pytest.mark.parametrize("name", NAMES)
def test_cam_layer_gives_a_map_or_tokens(name):
    spec, module = on_meta(name)
    shapes = []
    module.get_submodule(spec.cam_layer).register_forward_hook(
        lambda _module, _inputs, output: shapes.append(tuple(output.shape))
    )
    module(torch.zeros(1, 3, spec.input_px, spec.input_px, device="meta"))
    (shape,) = shapes
    if spec.kind is Kind.CNN:
        assert shape[2:] == (7, 7)
    else:
        assert shape[1] == (spec.input_px // spec.patch_px) ** 2 + spec.prefix_tokens


@pytest.mark.parametrize("name", NAMES)
def test_head_is_the_deepest_layer_and_depths_cover_every_weight(name):
    spec, module = on_meta(name)
    depths = layer_depths(module, spec)
    assert set(depths) == {name for name, _ in module.named_parameters()}
    assert depths[f"{spec.classifier}.weight"] == max(depths.values())
    assert sorted(set(depths.values())) == list(range(max(depths.values()) + 1))
    first = next(iter(dict(module.named_parameters())))
    assert depths[first] == 0


@pytest.mark.parametrize("name", [name for name in NAMES if MODELS[name].any_size])
def test_cnn_takes_other_sizes(name):
    with torch.device("meta"):
        module = build_network(MODELS[name], size_px=96)
    assert module(torch.zeros(2, 3, 96, 96, device="meta")).shape == (2, 2)


def test_vit_refuses_another_size_and_says_which():
    with pytest.raises(RecipeError, match=r"224 × 224.*--size 224"):
        build_network(MODELS["vit_base_patch16_224"], size_px=96)


def test_another_timm_network_is_inspected():
    spec = find_spec("resnetv2_50")
    with torch.device("meta"):
        module = build_network(spec, size_px=224)
    assert spec.kind is Kind.CNN
    assert count_parameters(module) == spec.parameters
    assert isinstance(module.get_submodule(spec.classifier), nn.Module)
    module.get_submodule(spec.cam_layer)


def test_another_vit_is_inspected():
    spec = find_spec("deit_tiny_patch16_224")
    assert (spec.kind, spec.patch_px, spec.prefix_tokens) == (Kind.VIT, 16, 1)
    assert spec.cam_layer == "blocks.11.norm1"
    assert not spec.any_size


def test_unknown_network_is_refused_with_near_names():
    with pytest.raises(RecipeError, match=r"'resnet51'.*fauxto models"):
        find_spec("resnet51")


def test_unusable_device_is_refused():
    with pytest.raises(RecipeError, match="'quantum'"):
        choose_device("quantum")
    assert choose_device("cpu").type == "cpu"
