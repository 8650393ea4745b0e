import pytest
import torch

from fauxto.core.errors import RecipeError
from fauxto.models import inspection
from fauxto.models.build import build_network, find_spec
from fauxto.models.specs import Kind

QUICK = ("vit_tiny_r_s16_p8_224", "mobilenetv4_conv_small", "mixer_s32_224", "levit_128s")
FAMILIES = (
    *QUICK, "cait_xxs24_224", "deit_tiny_distilled_patch16_224", "densenet121", "edgenext_xx_small",
    "efficientformer_l1", "maxvit_rmlp_pico_rw_256", "poolformer_s12", "repvgg_a0",
    "swin_tiny_patch4_window7_224", "xcit_nano_12_p16_224",
)  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in FAMILIES]
)
def test_a_network_of_any_family_has_two_outputs_and_a_layer_whose_gradient_has_positions(name):
    spec = find_spec(name)
    module = build_network(spec, size_px=spec.input_px).eval()
    features = []

    def keep(_part, _inputs, output):
        output.retain_grad()
        features.append(output)

    module.get_submodule(spec.cam_layer).register_forward_hook(keep)
    logits = module(torch.randn(2, 3, spec.input_px, spec.input_px))
    assert logits.shape == (2, 2)
    (logits[:, 1] - logits[:, 0]).sum().backward()
    (maps,) = features
    assert maps.ndim in (3, 4)
    if spec.kind is Kind.VIT:
        assert maps.shape[1] == (spec.input_px // spec.patch_px) ** 2 + spec.prefix_tokens
    # Averaged positions all have a gradient; of class-token networks at least many have.
    channel = 1 if maps.ndim == 4 and maps.shape[2] == maps.shape[3] else -1
    reached = maps.grad.abs().sum(dim=channel) > 0
    assert reached.float().mean() > 0.5
    assert torch.equal(
        torch.tensor([sum(p.numel() for p in module.parameters())]),
        torch.tensor([spec.parameters]),
    )


def test_all_heads_of_a_distilled_network_are_replaced():
    spec = find_spec("deit_tiny_distilled_patch16_224")
    assert spec.classifiers == ("head", "head_dist")
    with torch.device("meta"):
        module = build_network(spec, size_px=224)
    assert {module.get_submodule(path).out_features for path in spec.classifiers} == {2}
    assert (spec.kind, spec.prefix_tokens) == (Kind.VIT, 2)


def test_a_layer_asked_for_is_taken_and_a_wrong_one_is_refused_with_the_parts():
    assert find_spec("resnet18", "layer3").cam_layer == "layer3"
    assert find_spec("mobilenetv4_conv_small", "blocks.2").cam_layer == "blocks.2"
    with pytest.raises(RecipeError, match=r"no layer 'layer9'; its parts are conv1, bn1"):
        find_spec("resnet18", "layer9")


def test_a_network_without_maps_asks_for_a_layer(monkeypatch):
    monkeypatch.setattr(inspection, "_has_positions", lambda _shape: False)
    with pytest.raises(RecipeError, match=r"--set model\.cam_layer=PATH; its parts are conv_stem"):
        find_spec("mobilenetv4_conv_small")
    assert find_spec("mobilenetv4_conv_small", "blocks.3").cam_layer == "blocks.3"
