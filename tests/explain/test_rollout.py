import numpy as np
import pytest
import torch

from fauxto.explain.rollout import HeadFusion, fuse_heads, roll_out, roll_out_gradients


def attention(*rows):
    return torch.tensor([[list(map(list, rows))]])  # one image, one head


def test_rollout_of_one_layer_is_half_skip_half_attention():
    flow = roll_out([attention((0.2, 0.8), (0.6, 0.4))])
    assert flow[0].tolist() == pytest.approx(np.array([[0.6, 0.4], [0.3, 0.7]]))


def test_rollout_without_residual_multiplies_the_layers_in_order():
    first, second = attention((0.2, 0.8), (0.6, 0.4)), attention((1.0, 0.0), (0.5, 0.5))
    flow = roll_out([first, second], residual=False)
    expected = second[0, 0] @ first[0, 0]
    assert torch.allclose(flow[0], expected)
    assert not torch.allclose(flow[0], first[0, 0] @ second[0, 0])


@pytest.mark.parametrize("fusion", list(HeadFusion))
@pytest.mark.parametrize("residual", [True, False])
def test_rows_of_a_rollout_sum_to_one(fusion, residual):
    layers = [torch.rand(2, 3, 5, 5).softmax(dim=-1) for _ in range(4)]
    flow = roll_out(layers, fusion=fusion, residual=residual)
    assert torch.allclose(flow.sum(dim=-1), torch.ones(2, 5), atol=1e-5)


def test_heads_are_fused_by_mean_max_and_min():
    heads = torch.tensor([[[[0.1, 0.9], [1, 0]], [[0.5, 0.5], [0, 1]]]])
    expected = {"mean": [0.3, 0.7, 0.5, 0.5], "max": [0.5, 0.9, 1, 1], "min": [0.1, 0.5, 0, 0]}
    for fusion, weights in expected.items():
        fused = fuse_heads(heads, HeadFusion(fusion))
        assert fused.flatten().tolist() == pytest.approx(weights)


def test_gradient_rollout_drops_attention_that_speaks_against():
    layer = attention((0.5, 0.5), (0.0, 1.0))
    gradient = attention((2.0, -4.0), (0.0, 0.0))
    relevance = roll_out_gradients([layer], [gradient])
    assert relevance[0].tolist() == [[1.0, 0.0], [0.0, 0.0]]
