"""Facts of a timm network that has no row of its own, read off the network itself."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fauxto.core.errors import RecipeError
from fauxto.models.specs import Kind, Library, ModelSpec

Output = tuple[str, tuple[int, ...]]
"""Path of a layer and the shape of what it gave."""

_NEAR: Final = 5
_POSITIONS: Final = 4
"""Fewest positions that make a feature map."""


def inspect_network(name: str, cam_layer: str | None = None) -> ModelSpec:
    """Return the facts of any classification network of timm; computes nothing but shapes.

    Args:
        name: as ``timm.create_model`` takes it.
        cam_layer: dotted path of the layer for class-activation maps; default the last layer
            whose output still has positions.

    Raises:
        RecipeError: there is no such network, it cannot be fine-tuned here, or it has no such
            layer.
    """
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:8]}*")[:_NEAR])
        hint = f" (timm has {near})" if near else ""
        raise RecipeError(
            f"there is no network {name!r}: 'fauxto models' lists ours, any other must be a "
            f"classification network of timm{hint}"
        )
    with torch.device("meta"):
        module = timm.create_model(name, pretrained=False, num_classes=2)
    module.requires_grad_(requires_grad=False)
    config: dict[str, Any] = module.pretrained_cfg
    size_px = int(config["input_size"][-1])
    heads = _classifiers(name, config)
    patch_px = _patch_px(module)
    outputs = _trace(module, size_px)
    layer = _find_cam_layer(module, outputs, heads) if cam_layer is None else cam_layer
    tokens = dict(outputs).get(layer, (0, 0))[1]
    return ModelSpec(
        name=name,
        library=Library.TIMM,
        factory=name,
        kind=Kind.CNN if patch_px is None else Kind.VIT,
        parameters=count_parameters(module),
        gflops=round(count_gflops(module, size_px), 2),
        input_px=size_px,
        any_size=not config.get("fixed_input_size", False),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        classifier=heads[0],
        other_classifiers=heads[1:],
        cam_layer=layer,
        patch_px=patch_px,
        # Counted at the layer: some networks add their class token after it.
        prefix_tokens=max(0, tokens - (size_px // patch_px) ** 2) if patch_px else 0,
        weights_file="model.safetensors",
        weights_source=str(config.get("hf_hub_id") or config.get("url") or "timm"),
        weights_mb=4 * count_parameters(module) / 1e6,
        weights_licence=str(config.get("license") or "see timm's page of the network"),
    )


def _classifiers(name: str, config: dict[str, Any]) -> tuple[str, ...]:
    named = config.get("classifier")
    heads = (named,) if isinstance(named, str) else tuple(named or ())
    if not heads:
        raise RecipeError(f"timm's {name} has no last layer to replace: choose another network")
    return heads


def _patch_px(module: nn.Module) -> int | None:
    """Return the side in pixels of the square behind a ViT's token; None for any other network."""
    embed: Any = getattr(module, "patch_embed", None)
    is_vit = hasattr(module, "cls_token") and hasattr(module, "blocks")
    if not is_vit or not hasattr(embed, "patch_size"):
        return None
    if hasattr(embed, "feat_ratio"):  # a hybrid cuts patches out of a ResNet's maps
        return int(embed.feat_ratio())
    return int(embed.patch_size if isinstance(embed.patch_size, int) else embed.patch_size[0])


def _find_cam_layer(module: nn.Module, outputs: Sequence[Output], heads: tuple[str, ...]) -> str:
    last = getattr(module, "blocks", [None])[-1]
    if getattr(module, "cls_token", None) is not None and hasattr(last, "norm1"):
        # After the last attention only the class token is read: no other token has a gradient.
        return f"blocks.{len(module.get_submodule('blocks')) - 1}.norm1"  # type: ignore[arg-type]
    ran = Counter(path for path, _ in outputs)
    for path, shape in reversed(outputs):
        inside_head = any(head == path or head.startswith(f"{path}.") for head in heads)
        if path and not inside_head and ran[path] == 1 and _has_positions(shape):
            return path
    parts = ", ".join(name for name, _ in module.named_children())
    raise RecipeError(
        "no layer of this network gives feature maps: name one for explanations with "
        f"--set model.cam_layer=PATH; its parts are {parts}"
    )


def _trace(module: nn.Module, size_px: int) -> list[Output]:
    """Return path and output shape of every layer, in the order in which they end."""
    outputs: list[Output] = []

    def record(path: str, part: nn.Module) -> Any:  # noqa: ANN401 - torch's handle
        def hook(_part: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                outputs.append((path, tuple(output.shape)))

        return part.register_forward_hook(hook)

    handles = [record(path, part) for path, part in module.named_modules()]
    with torch.no_grad():
        module.eval()(torch.zeros(1, 3, size_px, size_px, device="meta"))
    for handle in handles:
        handle.remove()
    return outputs


def _has_positions(shape: tuple[int, ...]) -> bool:
    """Return whether a shape is a map, channels first or last, or a sequence of tokens."""
    if len(shape) == 4:
        return shape[2] == shape[3] > 1 or shape[1] == shape[2] > 1
    return len(shape) == 3 and shape[1] >= _POSITIONS


def count_parameters(module: nn.Module) -> int:
    """Return the number of a network's weights."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_gflops(module: nn.Module, size_px: int) -> float:
    """Return the network's cost for one image in 10⁹ multiply-adds."""
    device = next(module.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(1, 3, size_px, size_px, device=device))
    return counter.get_total_flops() / 2e9
