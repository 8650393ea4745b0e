"""Looking inside a network and leaving it as it came: everything here is undone on exit."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from fauxto.core.errors import RecipeError
from fauxto.explain.layout import find_layer


@contextmanager
def borrowed(module: nn.Module) -> Iterator[nn.Module]:
    """Lend a network for explaining: evaluation mode, frozen weights, gradients recorded.

    Training flags, ``requires_grad`` and gradients are those of before on exit, even after an
    error. The caller's ``no_grad`` or ``inference_mode`` does not reach inside.
    """
    training = [(part, part.training) for part in module.modules()]
    learning = [(weight, weight.requires_grad) for weight in module.parameters()]
    module.eval()
    for weight, _ in learning:
        weight.requires_grad = False
    try:
        with torch.inference_mode(mode=False), torch.enable_grad():
            yield module
    finally:
        for part, flag in training:
            part.training = flag
        for weight, flag in learning:
            weight.requires_grad = flag


def log_odds(module: nn.Module, inputs: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
    """Return the log odds of fake: positive where the network leans to fake."""
    logits = module(inputs)
    return logits[:, 1] - logits[:, 0]


@dataclass
class Recording:
    """Tensors seen by a hook during a forward pass, in order."""

    tensors: list[Tensor] = field(default_factory=list)

    def only(self, what: str) -> Tensor:
        """Return the one recorded tensor.

        Raises:
            RecipeError: the layer ran never, or more than once, in one forward pass.
        """
        if len(self.tensors) != 1:
            raise RecipeError(
                f"{what} ran {len(self.tensors)} times in one forward pass, not once: "
                "choose another cam_layer or --method occlusion"
            )
        return self.tensors[0]


@contextmanager
def recorded_layer(module: nn.Module, path: str) -> Iterator[Recording]:
    """Record a layer's output as a leaf, so that gradients end there.

    With frozen weights the graph then holds only what comes after the layer: an explanation
    costs little more than a forward pass. The network goes on with a copy of the leaf, since the
    next layer may work in place (https://github.com/pytorch/pytorch/issues/61519).
    """
    recording = Recording()

    def record(_part: nn.Module, _inputs: object, output: object) -> Tensor:
        if not isinstance(output, Tensor):
            raise RecipeError(
                f"layer {path!r} returns a {type(output).__name__}, not a tensor: "
                "choose another cam_layer or --method occlusion"
            )
        leaf = output.detach().requires_grad_()
        recording.tensors.append(leaf)
        return leaf.clone()

    handle = find_layer(module, path).register_forward_hook(record)
    try:
        yield recording
    finally:
        handle.remove()


@contextmanager
def recorded_outputs(module: nn.Module) -> Iterator[list[tuple[str, Tensor]]]:
    """Record every layer's output and, after ``backward``, its gradient, in order of running."""
    recorded: list[tuple[str, Tensor]] = []

    def watch(path: str, part: nn.Module) -> RemovableHandle:
        def record(_part: nn.Module, _inputs: object, output: object) -> Tensor | None:
            if not isinstance(output, Tensor) or not output.requires_grad:
                return None
            output.retain_grad()
            recorded.append((path, output))
            return output.clone()

        return part.register_forward_hook(record)

    with ExitStack() as stack:
        for path, part in module.named_modules():
            if path:
                stack.callback(watch(path, part).remove)
        yield recorded


def attention_parts(module: nn.Module) -> list[nn.Module]:
    """Return a ViT's attention layers in their order.

    They are recognised by what timm gives each of them: a projection ``qkv``, a dropout
    ``attn_drop`` on the attention weights, and the switch ``fused_attn``.
    """
    return [
        part
        for part in module.modules()
        if all(hasattr(part, name) for name in ("qkv", "attn_drop", "fused_attn"))
    ]


@contextmanager
def recorded_attention(module: nn.Module) -> Iterator[Recording]:
    """Record every layer's attention weights ``(n, heads, tokens, tokens)``; each row sums to 1.

    Fused attention never forms the weights, so it is switched off meanwhile; the first layer's
    weights start the graph that gradients can be asked from.

    Raises:
        RecipeError: no attention layer was recognised.
    """
    parts = attention_parts(module)
    if not parts:
        raise RecipeError(
            "this network has no attention weights that rollout could read: "
            "use --method gradcam or occlusion"
        )
    recording = Recording()

    def record(_part: nn.Module, _inputs: object, output: Tensor) -> None:
        if not output.requires_grad:
            output.requires_grad_()
        recording.tensors.append(output)

    with ExitStack() as stack:
        for part in parts:
            stack.callback(setattr, part, "fused_attn", part.fused_attn)
            part.fused_attn = False  # type: ignore[assignment] # a plain flag of timm's
            dropout = part.attn_drop
            if not isinstance(dropout, nn.Module):
                raise RecipeError("attn_drop is not a layer, so attention cannot be recorded")
            stack.callback(dropout.register_forward_hook(record).remove)
        yield recording
