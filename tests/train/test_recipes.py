import pytest

from fauxto.core.recipe import load_recipe, recipe_names
from fauxto.models.specs import MODELS
from fauxto.train.run import train

LARGE = ("convnextv2_base", "vit_base_patch16_224")


def as_parameters():
    for name in recipe_names():
        heavy = any(large in name for large in LARGE)
        yield pytest.param(name, marks=pytest.mark.slow if heavy else ())


@pytest.mark.parametrize("name", list(as_parameters()))
def test_shipped_recipe_trains(name, make_dataset, tmp_path):
    recipe = load_recipe(name, ["model.weights=none", "train.max_epochs=1", "train.batch_size=2"])
    size_px = 32 if MODELS[recipe.model.name].any_size else 224
    dataset = make_dataset(tmp_path / "set", size_px=size_px, counts=(1, 1, 0))
    card = train(dataset, recipe=recipe, out=tmp_path / "run").card
    assert card.architecture == recipe.model.name
    assert card.epochs == 1


def test_another_timm_network_trains(make_dataset, tmp_path):
    recipe = load_recipe(
        "lite",
        ["model.name=mobilenetv3_small_050", "model.weights=none", "train.max_epochs=1",
         "train.batch_size=2"],
    )  # fmt: skip
    dataset = make_dataset(tmp_path / "set", counts=(2, 1, 0))
    card = train(dataset, recipe=recipe, out=tmp_path / "run").card
    assert card.architecture == "mobilenetv3_small_050"
    assert card.parameters > 0
