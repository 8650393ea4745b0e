from dataclasses import replace

import pytest
import torch
from torch import nn

from fauxto.core.errors import RecipeError
from fauxto.explain.layout import Layout, read_layout, to_grid, token_grid
from fauxto.explain.methods import explain_batch
from fauxto.explain.search import confirm_layout
from fauxto.models.build import build_network, find_spec
from fauxto.models.specs import Kind


def opened(name):
    spec = find_spec(name)
    module = build_network(spec, size_px=spec.input_px).eval()
    return module, read_layout(spec, module), spec.input_px


@pytest.mark.parametrize(
    "name",
    ["test_vit", "test_convnext", "test_mambaout", "test_efficientnet", "test_nfnet",
     "test_byobnet", "vit_tiny_patch16_224", "mobilenetv3_small_050"],
)  # fmt: skip
def test_any_network_of_timm_is_explained_without_a_layer_name(name):
    module, layout, size = opened(name)
    layout = confirm_layout(layout, module, size)
    inputs = torch.randn(2, 3, size, size)
    for method in ("gradcam", "hirescam"):
        maps = explain_batch(module, inputs, layout, method=method)
        assert maps.shape == (2, size, size)
        assert maps.max() <= 1
    assert not any(part._forward_hooks for part in module.modules())
    assert all(weight.grad is None for weight in module.parameters())


@pytest.mark.parametrize("wrong", ["layer9", "global_pool", "fc"])
def test_a_layer_that_does_not_fit_is_replaced_by_the_last_with_positions(wrong):
    import torchvision

    module = torchvision.models.resnet18(num_classes=2).eval()
    layout = confirm_layout(Layout(Kind.CNN, wrong), module, 64)
    assert layout.cam_layer == "layer4"
    assert confirm_layout(layout, module, 64) is layout


def test_tokens_that_the_verdict_does_not_read_are_passed_over():
    module, layout, size = opened("test_vit")
    last = f"blocks.{len(module.blocks) - 1}"
    wrong = replace(layout, cam_layer=last)  # only the class token is read after it
    found = confirm_layout(wrong, module, size)
    assert found.cam_layer != last
    assert found.cam_layer.startswith(f"{last}.")


def test_a_network_without_positions_says_so():
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    with pytest.raises(RecipeError, match="--method occlusion"):
        confirm_layout(Layout(Kind.CNN, "0"), module, 16)


def test_channels_are_found_first_or_last():
    layout = Layout(Kind.CNN, "x")
    inputs = torch.zeros(1, 3, 64, 128)
    features = torch.randn(1, 5, 4, 8)
    assert torch.equal(to_grid(features, inputs, layout), features)
    assert torch.equal(to_grid(features.permute(0, 2, 3, 1), inputs, layout), features)


@pytest.mark.parametrize(
    ("tokens", "size", "expected"),
    [(196, (224, 224), (14, 14, 0)), (197, (224, 224), (14, 14, 1)), (54, (64, 128), (5, 10, 4))],
)
def test_token_grid_is_found_where_nothing_tells(tokens, size, expected):
    grid = token_grid(tokens, torch.zeros(1, 3, *size), Layout(Kind.CNN, "x"))
    assert (grid.rows, grid.columns, grid.prefix) == expected


def test_tokens_without_a_grid_are_an_error():
    with pytest.raises(RecipeError, match="patches of unknown px"):
        token_grid(60, torch.zeros(1, 3, 32, 512), Layout(Kind.CNN, "x"))
