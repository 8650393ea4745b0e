"""A recipe's network, with its last layer replaced by a ``Linear`` with two outputs."""

from functools import reduce
from typing import Any, Final

import timm
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fauxto.core.errors import RecipeError
from fauxto.models.specs import MODELS, Kind, Library, ModelSpec

_RESNET_LAYERS: Final = {"stem": r"conv1|bn1", "blocks": r"layer(\d+)\.(\d+)"}


def find_spec(name: str) -> ModelSpec:
    """Return the facts of a network: a row of ``MODELS``, or a timm network inspected now.

    Raises:
        RecipeError: no network has this name, or it is one that cannot be fine-tuned here.
    """
    if name in MODELS:
        return MODELS[name]
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:8]}*")[:5])
        hint = f" (timm has {near})" if near else ""
        raise RecipeError(
            f"there is no network {name!r}: 'fauxto models' lists ours, any other must be a "
            f"classification network of timm{hint}"
        )
    return _inspect(name)


def _inspect(name: str) -> ModelSpec:
    with torch.device("meta"):
        module = timm.create_model(name, pretrained=False, num_classes=2)
    config: dict[str, Any] = module.pretrained_cfg
    classifier = config.get("classifier")
    if not isinstance(classifier, str):
        raise RecipeError(f"timm's {name} has no single last layer: choose another network")
    patch_embed = getattr(module, "patch_embed", None)
    patch = getattr(patch_embed, "patch_size", None)
    is_vit = patch is not None and hasattr(module, "blocks") and hasattr(module, "cls_token")
    source = config.get("hf_hub_id") or config.get("url") or "timm"
    return ModelSpec(
        name=name,
        library=Library.TIMM,
        factory=name,
        kind=Kind.VIT if is_vit else Kind.CNN,
        parameters=count_parameters(module),
        gflops=round(count_gflops(module, int(config["input_size"][-1])), 2),
        input_px=int(config["input_size"][-1]),
        any_size=not config.get("fixed_input_size", False),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        classifier=classifier,
        cam_layer=_vit_layer(module) if is_vit else _last_feature_layer(module),
        patch_px=int(patch[0]) if is_vit and patch is not None else None,
        prefix_tokens=int(getattr(module, "num_prefix_tokens", 0)) if is_vit else 0,
        weights_file="model.safetensors",
        weights_source=str(source),
        weights_mb=4 * count_parameters(module) / 1e6,
        weights_licence=str(config.get("license") or "see timm's page of the network"),
    )


def _vit_layer(module: nn.Module) -> str:
    blocks = module.get_submodule("blocks")
    return f"blocks.{sum(1 for _ in blocks.children()) - 1}.norm1"


def _last_feature_layer(module: nn.Module) -> str:
    features = getattr(module, "feature_info", None)
    if not features:
        raise RecipeError(
            "this network does not say which of its layers give feature maps: choose another"
        )
    last = features[-1]
    return str(last["module"] if isinstance(last, dict) else features.module_name(-1))


def build_network(spec: ModelSpec, *, size_px: int) -> nn.Module:
    """Return a network with random weights and two outputs, in the order real, fake.

    Args:
        spec: the facts of the network.
        size_px: side of its square input in pixels.

    Raises:
        RecipeError: the network does not take inputs of this size.
    """
    if not spec.any_size and size_px != spec.input_px:
        raise RecipeError(
            f"{spec.name} takes pictures of {spec.input_px} × {spec.input_px} pixels only and the "
            f"data set has {size_px} × {size_px}: prepare it with --size {spec.input_px}"
        )
    if spec.library is Library.TIMM:
        module: nn.Module = timm.create_model(spec.factory, pretrained=False, num_classes=2)
    else:
        module = torchvision.models.get_model(spec.factory, weights=None)
    # A fresh Linear, as the report has it. timm's EfficientNets scale the head's first weights by
    # the number of outputs: with two of them the first loss is 5, and its gradients undo much of
    # what pretraining learned.
    replace_classifier(module, spec.classifier)
    return module


def replace_classifier(module: nn.Module, path: str) -> None:
    """Replace the ``Linear`` at a dotted path by a fresh one with two outputs.

    A last layer that is a 1 × 1 convolution, as in some networks of timm, is left as it is.
    """
    *parents, leaf = path.split(".")
    parent = reduce(getattr, parents, module)
    old = getattr(parent, leaf)
    if isinstance(old, nn.Linear):
        setattr(parent, leaf, nn.Linear(old.in_features, 2))


def layer_depths(module: nn.Module, spec: ModelSpec) -> dict[str, int]:
    """Return for each weight the number of its layer, from 0 at the input; the head is last."""
    network: Any = module
    matcher = network.group_matcher() if spec.library is Library.TIMM else _RESNET_LAYERS
    depths: dict[str, int] = timm.models.group_parameters(module, matcher, reverse=True)
    return depths


def count_parameters(module: nn.Module) -> int:
    """Return the number of weights that training may change."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_gflops(module: nn.Module, size_px: int) -> float:
    """Return the network's cost for one image in 10⁹ multiply-adds."""
    device = next(module.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(1, 3, size_px, size_px, device=device))
    return counter.get_total_flops() / 2e9


def choose_device(name: str) -> torch.device:
    """Return a device by name; ``auto`` takes CUDA, else MPS, else the CPU.

    Raises:
        RecipeError: torch does not know the name, or the device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(f"the device {name!r} cannot be used: {reason}") from error
    return device
