import pytest
from typer.testing import CliRunner

from fauxto.cli.app import app
from fauxto.core.artifacts import read_card
from fauxto.core.errors import RecipeError
from fauxto.core.recipe import load_recipe, recipe_names
from fauxto.models.build import find_spec
from fauxto.models.checkpoint import load_run
from fauxto.models.specs import MODELS
from fauxto.train.run import train

LARGE = ("convnextv2_base", "vit_base_patch16_224")


def as_parameters():
    for name in recipe_names():
        heavy = any(large in name for large in LARGE)
        yield pytest.param(name, marks=pytest.mark.slow if heavy else ())


def prepare_for(recipe, folder, make_dataset):
    size_px = 32 if MODELS[recipe.model.name].any_size else 224
    how = {"fit": recipe.data.fit, "split_method": recipe.data.split}
    how = {name: value for name, value in how.items() if value is not None}
    return make_dataset(folder, size_px=size_px, counts=(1, 1, 0), **how)


@pytest.mark.parametrize("name", list(as_parameters()))
def test_shipped_recipe_runs_an_epoch_through_the_command_line(name, make_dataset, tmp_path):
    recipe = load_recipe(name)
    dataset = prepare_for(recipe, tmp_path / "set", make_dataset)
    call = [
        "train", dataset, "--recipe", name, "--out", tmp_path / "run", "--weights", "none",
        "--set", "train.max_epochs=1", "--set", "train.batch_size=2", "--device", "cpu",
    ]  # fmt: skip
    result = CliRunner().invoke(app, [str(part) for part in call], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    card = read_card(tmp_path / "run")
    assert card.architecture == recipe.model.name
    assert card.epochs == 1


def test_every_recipe_of_the_report_is_shipped_and_at_least_three_others():
    names = set(recipe_names())
    assert {name for name in names if name.startswith("report/")} == {
        f"report/{name}" for name in MODELS if name != "efficientnet_lite0"
    }
    assert {"lite", "robust", "native-crop", "generator-held-out"} <= names


@pytest.mark.parametrize(
    ("name", "said"),
    [("native-crop", "--fit native-crop"), ("generator-held-out", "--split generator-held-out")],
)
def test_data_prepared_otherwise_than_the_recipe_needs_are_refused(name, said, dataset, tmp_path):
    recipe = load_recipe(name, ["model.weights=none"])
    with pytest.raises(RecipeError, match=said):
        train(dataset, recipe=recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3_small_050",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("convnext_atto", "efficientformer_l1", "levit_128s", "mixer_s32_224",
                         "repvgg_a0", "swin_tiny_patch4_window7_224", "xcit_nano_12_p16_224")
        ),
    ],
)  # fmt: skip
def test_another_timm_network_trains_and_opens_again(name, make_dataset, tmp_path):
    settings = ["model.weights=none", "train.max_epochs=1", "train.batch_size=2"]
    recipe = load_recipe("lite", [f"model.name={name}", *settings])
    size_px = 64 if find_spec(name).any_size else 224
    dataset = make_dataset(tmp_path / "set", size_px=size_px, counts=(2, 1, 0))
    card = train(dataset, recipe=recipe, out=tmp_path / "run").card
    assert card.architecture == name
    assert load_run(tmp_path / "run").spec.cam_layer


def test_the_cam_layer_asked_for_is_kept_with_the_run(make_dataset, tmp_path):
    settings = ["model.weights=none", "train.max_epochs=1", "model.cam_layer=blocks.4"]
    dataset = make_dataset(tmp_path / "set", counts=(2, 1, 0))
    train(dataset, recipe=load_recipe("lite", settings), out=tmp_path / "run")
    assert load_run(tmp_path / "run").spec.cam_layer == "blocks.4"
