import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from fauxto.core.recipe import TrainRecipe
from fauxto.train.optim import MovingAverage, lr_factor, make_optimizer, set_lr, set_training


def network():
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


DEPTHS = {"0.weight": 0, "0.bias": 0, "1.weight": 1, "1.bias": 1, "2.weight": 2, "2.bias": 2}


def test_constant_schedule_without_warmup_never_changes_the_rate():
    assert {lr_factor(step, 10, TrainRecipe()) for step in range(500)} == {1.0}


def test_warmup_rises_linearly_then_cosine_falls_to_zero():
    recipe = TrainRecipe(schedule="cosine", warmup_epochs=0.5, max_epochs=4)
    factors = [lr_factor(step, 8, recipe) for step in range(32)]
    assert factors[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert factors[4] == 1
    assert factors[18] == pytest.approx(0.5)  # half-way between step 4 and step 32
    assert factors[31] == pytest.approx(0.5 * (1 + math.cos(math.pi * 27 / 28)))
    assert all(later < earlier for earlier, later in pairwise(factors[4:]))


def test_layer_decay_gives_lower_layers_smaller_rates():
    optimizer = make_optimizer(network(), TrainRecipe(lr=1.0, layer_decay=0.5), DEPTHS)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5, 1.0]
    set_lr(optimizer, 0.1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.025, 0.05, 0.1])


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_optimizer_is_the_recipe_s(name, kind):
    recipe = TrainRecipe(optimizer=name, lr=0.3, weight_decay=0.07)
    optimizer = make_optimizer(network(), recipe, DEPTHS)
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.07)
    assert len(group["params"]) == len(DEPTHS)


def test_frozen_network_learns_in_its_head_only():
    module = network()
    set_training(module, ("2",), frozen=True)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    optimizer = make_optimizer(module, TrainRecipe(lr=0.1, weight_decay=0.1), DEPTHS)
    module(torch.randn(8, 3)).square().sum().backward()
    optimizer.step()
    changed = {
        name for name, value in module.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"2.weight", "2.bias"}


def test_thawed_network_learns_everywhere():
    module = network()
    set_training(module, ("2",), frozen=True)
    set_training(module, ("2",), frozen=False)
    assert module.training
    assert module[1].training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_moving_average_follows_slowly_and_copies_counters():
    module = network()
    with torch.no_grad():
        module[0].weight.zero_()
    average = MovingAverage(module, decay=0.75)
    with torch.no_grad():
        module[0].weight.fill_(1)
        module[1].num_batches_tracked.fill_(5)
    average.update(module, step=1000)
    assert torch.allclose(average.module[0].weight, torch.full((3, 3), 0.25))
    average.update(module, step=1001)
    assert torch.allclose(average.module[0].weight, torch.full((3, 3), 0.4375))
    assert average.module[1].num_batches_tracked == 5
    assert not average.module.training


def test_moving_average_is_quick_at_first():
    module = network()
    average = MovingAverage(module, decay=0.999)
    with torch.no_grad():
        module[0].weight.fill_(1)
    start = average.module[0].weight.clone()
    average.update(module, step=0)
    expected = start * 0.1 + 0.9
    assert torch.allclose(average.module[0].weight, expected)
