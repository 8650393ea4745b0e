"""Attention rollout for vision transformers, plain and weighted by gradients."""

from collections.abc import Sequence
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fauxto.explain.hooks import borrowed, log_odds, recorded_attention
from fauxto.explain.layout import Layout, token_grid
from fauxto.explain.maps import rescale, stretch, to_pixels


class HeadFusion(StrEnum):
    """How the heads of a layer become one attention matrix."""

    MEAN = "mean"
    MAX = "max"
    MIN = "min"


def fuse_heads(
    attention: Float[Tensor, "n heads tokens tokens"], fusion: HeadFusion
) -> Float[Tensor, "n tokens tokens"]:
    """Return one attention matrix a layer."""
    if fusion is HeadFusion.MEAN:
        return attention.mean(dim=1)
    return attention.amax(dim=1) if fusion is HeadFusion.MAX else attention.amin(dim=1)


def roll_out(
    attentions: Sequence[Float[Tensor, "n heads tokens tokens"]],
    *,
    fusion: HeadFusion = HeadFusion.MEAN,
    residual: bool = True,
) -> Float[Tensor, "n tokens tokens"]:
    """Return how much of each input token (column) arrives at each output token (row).

    Rows sum to 1.

    Args:
        attentions: the layers' attention weights, first layer first.
        fusion: how heads are joined; rows are normalised again after it.
        residual: count the skip connection as half of each layer.

    Source:
        Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers", section 3.
    """
    tokens = attentions[0].shape[-1]
    identity = torch.eye(tokens, device=attentions[0].device)
    flow = identity.expand(attentions[0].shape[0], tokens, tokens)
    for attention in attentions:
        fused = fuse_heads(attention, fusion)
        fused = fused / fused.sum(dim=-1, keepdim=True).clamp(min=1e-12)
        mixed = 0.5 * fused + 0.5 * identity if residual else fused
        flow = mixed @ flow
    return flow


def roll_out_gradients(
    attentions: Sequence[Float[Tensor, "n heads tokens tokens"]],
    gradients: Sequence[Float[Tensor, "n heads tokens tokens"]],
) -> Float[Tensor, "n tokens tokens"]:
    """Return the relevance of each input token (column) for each output token (row), ≥ 0.

    Source:
        Chefer, Gur and Wolf 2021, "Generic Attention-model Explainability", equations 5 and 6,
        without the identity: what is left is what attention added.
    """
    tokens = attentions[0].shape[-1]
    identity = torch.eye(tokens, device=attentions[0].device)
    relevance = identity.expand(attentions[0].shape[0], tokens, tokens)
    for attention, gradient in zip(attentions, gradients, strict=True):
        useful = (attention * gradient).clamp(min=0).mean(dim=1)
        relevance = relevance + useful @ relevance
    return relevance - identity


def _read_out(
    flow: Float[Tensor, "n tokens tokens"], inputs: Float[Tensor, "n 3 h w"], layout: Layout
) -> Float[Tensor, "n h w"]:
    """Return what arrives where the verdict is read, as a picture."""
    grid = token_grid(flow.shape[-1], inputs, layout)
    arrived = flow[:, 0] if layout.reads_class_token else flow[:, grid.prefix :].mean(dim=1)
    patches = arrived[:, grid.prefix :].reshape(-1, grid.rows, grid.columns)
    height, width = inputs.shape[-2:]
    return to_pixels(patches, (height, width))


def explain_by_rollout(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    directions: Float[Tensor, " n"],  # noqa: ARG001 - attention has no side; see below
    layout: Layout,
    *,
    fusion: HeadFusion = HeadFusion.MEAN,
    residual: bool = True,
) -> Float[Tensor, "n h w"]:
    """Return rollout maps in [0, 1]: where attention reads, whichever side that speaks for.

    Args:
        module: a ViT that gives two logits.
        inputs: normalised images.
        directions: not used; attention is the same for both classes.
        layout: how tokens map to pixels.
        fusion: how heads are joined.
        residual: count the skip connection.

    Raises:
        RecipeError: the network shows no attention, or its tokens do not fit the layout.
    """
    with borrowed(module), torch.no_grad(), recorded_attention(module) as recording:
        module(inputs)
        flow = roll_out(recording.tensors, fusion=fusion, residual=residual)
    return stretch(_read_out(flow, inputs, layout))


def explain_by_gradient_rollout(
    module: nn.Module,
    inputs: Float[Tensor, "n 3 h w"],
    directions: Float[Tensor, " n"],
    layout: Layout,
) -> Float[Tensor, "n h w"]:
    """Return rollout maps in [0, 1] that count only attention which speaks for the asked side.

    Args:
        module: a ViT that gives two logits.
        inputs: normalised images.
        directions: +1 explains fake, −1 real.
        layout: how tokens map to pixels.

    Raises:
        RecipeError: the network shows no attention, or its tokens do not fit the layout.
    """
    with borrowed(module), recorded_attention(module) as recording:
        odds = log_odds(module, inputs)
        gradients = torch.autograd.grad((directions * odds).sum(), recording.tensors)
    attentions = [attention.detach() for attention in recording.tensors]
    return rescale(_read_out(roll_out_gradients(attentions, gradients), inputs, layout))
