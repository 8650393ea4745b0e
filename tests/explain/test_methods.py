import copy
import importlib.util
from pathlib import Path

import captum.attr
import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from fauxto.core.errors import FauxtoError, RecipeError
from fauxto.explain.catalogue import METHODS, choose_methods
from fauxto.explain.hooks import borrowed, recorded_attention, recorded_layer
from fauxto.explain.layout import Layout
from fauxto.explain.methods import ON_ATTENTION, ON_MAPS, ON_PIXELS, explain_batch, possible_methods
from fauxto.explain.target import Target, choose_directions
from fauxto.models.specs import Kind

_location = importlib.util.spec_from_file_location("nets", Path(__file__).parent / "conftest.py")
nets = importlib.util.module_from_spec(_location)
_location.loader.exec_module(nets)

CASES = [
    *((Kind.CNN, name) for name in (*ON_MAPS, *ON_PIXELS)),
    *((Kind.VIT, name) for name in (*ON_ATTENTION, *ON_MAPS, *ON_PIXELS)),
]  # every method on every kind it can explain


def test_every_method_is_computed_somewhere():
    assert {name for _, name in CASES} | {"cam"} == set(METHODS)  # cam: test_onnx_subject


def network(kind):
    if kind is Kind.CNN:
        return nets.CornerCnn().eval(), nets.CNN_LAYOUT
    return nets.make_corner_vit().eval(), nets.VIT_LAYOUT


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_network_that_reads_one_corner_lights_up_that_corner(kind, name, bright_inputs):
    module, layout = network(kind)
    maps = explain_batch(module, bright_inputs, layout, method=name)
    assert maps.shape == (4, nets.SIDE_PX, nets.SIDE_PX)
    assert maps.min() >= 0
    assert maps.max(axis=(1, 2)) == pytest.approx(1, abs=1e-6)
    # Maps are bilinear between cells of 16 px; a square of 26 px may touch the corner's rim.
    near = nets.CORNER_PX + (24 if name == "occlusion" else 12)
    share = maps[:, :near, :near].sum(axis=(1, 2)) / maps.sum(axis=(1, 2))
    assert share.min() > 0.95


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_random_weights_give_another_map(kind, name, bright_inputs):
    module, layout = network(kind)
    known = explain_batch(module, bright_inputs, layout, method=name)
    if kind is Kind.CNN:
        other = nn.Sequential()
        other.features = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.ReLU())
        other.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    else:
        other = nets.make_plain_vit(nets.SIDE_PX)
    maps = explain_batch(other.eval(), bright_inputs, layout, method=name)
    assert np.abs(maps - known).mean() > 0.02


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_network_leaves_as_it_came(kind, name, bright_inputs):
    module, layout = network(kind)
    module.train()
    module.get_submodule(layout.cam_layer).eval()
    weights = list(module.parameters())
    weights[0].requires_grad_(False)
    weights[1].grad = torch.ones_like(weights[1])
    before = copy.deepcopy(module.state_dict())
    flags = [part.training for part in module.modules()]
    fused = [part.fused_attn for part in module.modules() if hasattr(part, "fused_attn")]
    inputs = bright_inputs.clone()
    explain_batch(module, inputs, layout, method=name)
    assert [part.training for part in module.modules()] == flags
    assert [weight.requires_grad for weight in weights] == [False] + [True] * (len(weights) - 1)
    assert torch.equal(weights[1].grad, torch.ones_like(weights[1]))
    assert all(weight.grad is None for weight in weights if weight is not weights[1])
    after = module.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(part._forward_hooks or part._backward_hooks for part in module.modules())
    assert [p.fused_attn for p in module.modules() if hasattr(p, "fused_attn")] == fused
    assert torch.equal(inputs, bright_inputs)
    assert not inputs.requires_grad


@pytest.mark.parametrize("name", ["gradcam", "rollout", "gradient-rollout"])
def test_outputs_are_equal_before_and_after(name, corner_vit, bright_inputs):
    with torch.no_grad():
        before = corner_vit(bright_inputs)
        explain_batch(corner_vit, bright_inputs, nets.VIT_LAYOUT, method=name)
        assert torch.equal(corner_vit(bright_inputs), before)


def test_hooks_are_removed_after_an_error(corner_vit, bright_inputs):
    with (
        pytest.raises(ZeroDivisionError),
        borrowed(corner_vit),
        recorded_attention(corner_vit),
        recorded_layer(corner_vit, "blocks.0"),
    ):
        _ = 1 / 0
    assert not any(part._forward_hooks for part in corner_vit.modules())
    assert all(block.attn.fused_attn for block in corner_vit.blocks)
    assert all(weight.requires_grad for weight in corner_vit.parameters())


@pytest.mark.parametrize("name", ["gradcam", "occlusion", "integrated-gradients"])
def test_works_inside_inference_mode(name, corner_cnn, bright_inputs):
    with torch.inference_mode():
        inputs = bright_inputs * 1
        maps = explain_batch(corner_cnn, inputs, nets.CNN_LAYOUT, method=name)
    assert maps.max() == pytest.approx(1)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_map_does_not_depend_on_its_batch(kind, name):
    module = (
        nets.make_plain_vit() if kind is Kind.VIT else torchvision.models.resnet18(num_classes=2)
    )
    layout = nets.VIT_LAYOUT if kind is Kind.VIT else Layout(Kind.CNN, "layer4")
    inputs = torch.randn(3, 3, 64, 64)
    together = explain_batch(module, inputs, layout, method=name, target=Target.PREDICTED)
    alone = [
        explain_batch(module, one[None], layout, method=name, target=Target.PREDICTED)[0]
        for one in inputs
    ]
    assert np.allclose(together, np.stack(alone), atol=5e-3)


@pytest.mark.parametrize(("target", "sign"), [(Target.FAKE, 1), (Target.REAL, -1)])
def test_gradcam_equals_captum_on_a_resnet(target, sign):
    module = torchvision.models.resnet18(num_classes=2).eval()
    inputs = torch.randn(2, 3, 96, 96)
    ours = explain_batch(module, inputs, Layout(Kind.CNN, "layer4"), target=target)

    def asked(images):
        logits = module(images)
        return sign * (logits[:, 1] - logits[:, 0])

    cam = captum.attr.LayerGradCam(asked, module.layer4).attribute(inputs, relu_attributions=True)
    theirs = nn.functional.interpolate(cam, size=(96, 96), mode="bilinear")[:, 0].detach()
    theirs = theirs / theirs.amax(dim=(1, 2), keepdim=True).clamp(min=1e-20)
    assert np.allclose(ours, theirs.numpy(), atol=1e-4)


def test_occlusion_equals_captums_away_from_the_rim():
    module = torchvision.models.resnet18(num_classes=2).eval()
    inputs = torch.randn(1, 3, 64, 64)
    ours = explain_batch(module, inputs, Layout(Kind.CNN, "layer4"), method="occlusion")[0]

    def asked(images):
        logits = module(images)
        return logits[:, 1] - logits[:, 0]

    # Captum's windows start at 0, ours hang over the rim by (13 - 8) // 2 pixels.
    shifted = nn.functional.pad(inputs, (2, 2, 2, 2))
    theirs = captum.attr.Occlusion(lambda x: asked(x[..., 2:-2, 2:-2])).attribute(
        shifted, sliding_window_shapes=(3, 13, 13), strides=(3, 8, 8), baselines=0.0
    )[0, 0, 2:-2, 2:-2]
    theirs = theirs.clamp(min=0).detach().numpy()
    inner = (slice(0, 56), slice(0, 56))
    assert np.corrcoef(ours[inner].ravel(), theirs[inner].ravel())[0, 1] > 0.999


def test_all_class_activation_maps_agree_where_gradients_are_the_same_everywhere():
    # Average pooling before one linear layer: the gradient of a channel has no position, so
    # Grad-CAM and HiResCAM are the same map.
    module = torchvision.models.resnet18(num_classes=2).eval()
    inputs = torch.randn(2, 3, 96, 96)
    layout = Layout(Kind.CNN, "layer4")
    first = explain_batch(module, inputs, layout, method="gradcam")
    assert np.allclose(first, explain_batch(module, inputs, layout, method="hirescam"), atol=1e-4)


def test_hirescam_finds_the_corner_where_gradcam_cannot(bright_inputs):
    # A head with positions: features are bright everywhere, only the corner's are read.
    module = nn.Sequential()
    module.features = nn.Sequential(nn.Conv2d(3, 1, 8, 8), nn.ReLU())
    module.head = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    read = torch.zeros(16, 16)
    read[:4, :4] = 1
    with torch.no_grad():
        module.features[0].weight.fill_(1 / 192)
        module.head[1].weight.copy_(torch.stack([-read.ravel(), read.ravel()]))
    share = {}
    for name in ("gradcam", "hirescam"):
        maps = explain_batch(module, bright_inputs, nets.CNN_LAYOUT, method=name)
        share[name] = maps[:, :40, :40].sum() / maps.sum()
    assert share["hirescam"] > 0.95
    assert share["gradcam"] < 0.2


def test_evidence_for_the_other_side_is_another_map(bright_inputs):
    module = torchvision.models.resnet18(num_classes=2).eval()
    layout = Layout(Kind.CNN, "layer4")
    inputs = torch.randn(2, 3, 96, 96)
    fake = explain_batch(module, inputs, layout, target=Target.FAKE)
    real = explain_batch(module, inputs, layout, target=Target.REAL)
    assert np.minimum(fake, real).max() < 0.5  # evidence for one side is not for the other
    with torch.no_grad():
        odds = module(inputs).diff(dim=1)[:, 0]
    predicted = explain_batch(module, inputs, layout, target=Target.PREDICTED)
    for row, leaning in enumerate(odds):
        assert np.array_equal(predicted[row], (fake if leaning >= 0 else real)[row])


def test_no_evidence_gives_a_blank_map_not_noise(corner_cnn, bright_inputs):
    maps = explain_batch(corner_cnn, bright_inputs, nets.CNN_LAYOUT, target=Target.REAL)
    assert maps.max() == 0


@pytest.mark.parametrize("name", ["gradcam", "occlusion", "integrated-gradients"])
@pytest.mark.parametrize("size", [(64, 64), (40, 96)])
def test_maps_have_the_inputs_size(name, size, corner_cnn):
    maps = explain_batch(corner_cnn, torch.rand(1, 3, *size), nets.CNN_LAYOUT, method=name)
    assert maps.shape == (1, *size)


def test_oblong_vit_keeps_rows_and_columns_apart():
    vit = nets.make_corner_vit((64, 160)).eval()
    inputs = 0.5 + torch.rand(2, 3, 64, 160)
    for name in ("gradcam", "rollout", "gradient-rollout"):
        maps = explain_batch(vit, inputs, nets.VIT_LAYOUT, method=name)
        assert maps.shape == (2, 64, 160)
        assert maps[:, :44, :44].sum() / maps.sum() > 0.95


def test_vit_without_class_token_is_read_from_its_patches():
    vit = nets.make_plain_vit(class_token=False, global_pool="avg")
    layout = Layout(Kind.VIT, "blocks.2.norm1", patch_px=16, prefix_tokens=0)
    for name in ("gradcam", "rollout", "gradient-rollout"):
        maps = explain_batch(vit, torch.randn(2, 3, 64, 64), layout, method=name)
        assert maps.max(axis=(1, 2)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "layout", [Layout(Kind.VIT, "blocks.1.norm1", 8, 1), Layout(Kind.VIT, "x", 16)]
)
def test_wrong_token_grid_is_an_error_not_a_guess(corner_vit, bright_inputs, layout):
    with pytest.raises(RecipeError, match="tokens do not fit"):
        explain_batch(corner_vit, bright_inputs, layout, method="rollout")


def test_unknown_layer_is_named(corner_cnn, bright_inputs):
    with pytest.raises(RecipeError, match=r"no layer 'layer9'.*features"):
        explain_batch(corner_cnn, bright_inputs, Layout(Kind.CNN, "layer9"))


def test_layer_without_positions_is_an_error(corner_cnn, bright_inputs):
    with pytest.raises(RecipeError, match="no positions"):
        explain_batch(corner_cnn, bright_inputs, Layout(Kind.CNN, "head"))


def test_rollout_of_a_cnn_says_what_to_use(corner_cnn):
    possible = possible_methods(corner_cnn, Kind.CNN)
    with pytest.raises(RecipeError, match="cannot explain lite: choose auto or some of gradcam"):
        choose_methods("rollout", possible, "lite")


@pytest.mark.parametrize(
    ("request_", "kind", "names"),
    [
        ("auto", Kind.CNN, ("gradcam",)),
        ("auto", Kind.VIT, ("rollout",)),
        ("rollout,occlusion,occlusion", Kind.CNN, ("occlusion",)),
        ("rollout,occlusion", Kind.VIT, ("rollout", "occlusion")),
    ],
)
def test_methods_are_chosen_by_network(request_, kind, names):
    assert choose_methods(request_, possible_methods(network(kind)[0], kind), "x") == names


def test_vit_whose_attention_cannot_be_read_is_explained_by_gradcam(corner_cnn):
    assert choose_methods("auto", possible_methods(corner_cnn, Kind.VIT), "x") == ("gradcam",)


def test_unknown_method_is_refused():
    with pytest.raises(FauxtoError, match=r"'lime'.*gradcam"):
        choose_methods("gradcam,lime", ("gradcam",), "x")


def test_predicted_side_follows_the_threshold():
    odds = np.array([-1.0, 0.5, 2.0])
    assert choose_directions(Target.PREDICTED, odds, 1.0).tolist() == [-1, -1, 1]
    assert choose_directions(Target.REAL, odds).tolist() == [-1, -1, -1]
