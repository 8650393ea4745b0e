"""A recipe's network, with its last layer replaced by a ``Linear`` with two outputs."""

from dataclasses import replace
from functools import reduce
from typing import Any, Final

import timm
import torch
import torchvision
from torch import nn

from fauxto.core.errors import RecipeError
from fauxto.models.inspection import count_gflops as count_gflops
from fauxto.models.inspection import count_parameters as count_parameters
from fauxto.models.inspection import inspect_network
from fauxto.models.specs import MODELS, Library, ModelSpec

_RESNET_LAYERS: Final = {"stem": r"conv1|bn1", "blocks": r"layer(\d+)\.(\d+)"}


def find_spec(name: str, cam_layer: str | None = None) -> ModelSpec:
    """Return the facts of a network: a row of ``MODELS``, or a timm network inspected now.

    Args:
        name: of the network.
        cam_layer: dotted path of the layer for class-activation maps; default the row's, or the
            last one that has maps.

    Raises:
        RecipeError: no network has this name, it cannot be fine-tuned here, or it has no such
            layer.
    """
    if name not in MODELS:
        spec = inspect_network(name, cam_layer)
    else:
        spec = MODELS[name] if cam_layer is None else replace(MODELS[name], cam_layer=cam_layer)
    if cam_layer is not None:
        with torch.device("meta"):
            module = build_network(spec, size_px=spec.input_px)
        if cam_layer not in dict(module.named_modules()):
            parts = ", ".join(name for name, _ in module.named_children())
            raise RecipeError(f"{name} has no layer {cam_layer!r}; its parts are {parts}")
    return spec


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
    for path in spec.classifiers:
        replace_classifier(module, path)
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
    """Return for each weight the number of its layer, from 0 at the input; the head is last.

    Raises:
        RecipeError: the network does not say how its layers follow each other.
    """
    network: Any = module
    if spec.library is Library.TIMM and not hasattr(module, "group_matcher"):
        raise RecipeError(
            f"{spec.name} does not say how its layers follow each other: leave out "
            "train.layer_decay"
        )
    matcher = network.group_matcher() if spec.library is Library.TIMM else _RESNET_LAYERS
    depths: dict[str, int] = timm.models.group_parameters(module, matcher, reverse=True)
    return depths


def synchronise_batch_norm(module: nn.Module) -> nn.Module:
    """Return the network with batch norm over all processes' images instead of each one's.

    torch has it for GPUs only.
    """
    synchronised: nn.Module = timm.layers.convert_sync_batchnorm(module)
    return synchronised


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
        if "Expected one of" in reason:  # some thirty, of which nobody here has most
            reason = "there are cpu, cuda, cuda:1, mps and auto"
        raise RecipeError(f"the device {name!r} cannot be used: {reason}") from error
    return device
