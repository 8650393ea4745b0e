import tomllib

import pytest
from pydantic import ValidationError

from fauxto.core.errors import RecipeError
from fauxto.core.recipe import Recipe, load_recipe, recipe_names, recipe_to_toml

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

REPORT = {
    "report/resnet18": ("resnet18", "adam", 5e-5, 256),
    "report/resnet50": ("resnet50", "adam", 5e-5, 128),
    "report/convnextv2_tiny": ("convnextv2_tiny", "adamw", 2e-5, 64),
    "report/convnextv2_base": ("convnextv2_base", "adamw", 2e-5, 32),
    "report/vit_base_patch16_224": ("vit_base_patch16_224", "adamw", 2e-5, 96),
}


@pytest.mark.parametrize("name", REPORT)
def test_report_recipe_has_the_written_hyper_parameters(name):
    network, optimizer, lr, batch_size = REPORT[name]
    recipe = load_recipe(name)
    assert recipe.model.name == network
    assert recipe.model.weights == "default"
    assert (recipe.model.mean, recipe.model.std) == IMAGENET
    changed = {"optimizer": optimizer, "lr": lr, "batch_size": batch_size, "policy": "argmax"}
    plain = {
        "weight_decay": 1e-5, "max_epochs": 50, "patience": 3, "seed": 42, "accumulate": 1,
        "schedule": "constant", "warmup_epochs": 0.0, "layer_decay": 1.0, "freeze_epochs": 0,
        "label_smoothing": 0.0, "class_weights": False, "clip_norm": None, "ema_decay": 0.0,
        "precision": "fp32", "cost_ratio": 5.0, "compile": False,
    }  # fmt: skip
    assert recipe.train.model_dump(mode="json") == {**plain, **changed}


@pytest.mark.parametrize("name", REPORT)
def test_report_recipe_only_flips(name):
    augment = load_recipe(name).augment.model_dump()
    used = {
        key: value
        for key, value in augment.items()
        if key in ("crop", "horizontal_flip", "resize", "blur", "noise", "reencode") and value
    }
    assert used == {"horizontal_flip": 0.5}


def test_report_has_five_networks_and_lite_is_shipped():
    assert {name for name in recipe_names() if name.startswith("report/")} == set(REPORT)
    assert "lite" in recipe_names()


@pytest.mark.parametrize("name", recipe_names())
def test_written_recipe_reads_back_equal(name, tmp_path):
    recipe = load_recipe(name, ["train.clip_norm=1.5", "augment.reencode_quality=[40, 90]"])
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_to_toml(recipe))
    assert load_recipe(str(path)) == recipe
    assert tomllib.loads(path.read_text())["schema"] == 1


def test_override_takes_toml_values_and_bare_text():
    recipe = load_recipe(
        "lite",
        ["train.lr=1e-4", "train.max_epochs = 7", "model.name=resnet18", "model.weights='n'"],
    )
    assert recipe.train.lr == 1e-4
    assert recipe.train.max_epochs == 7
    assert recipe.model.name == "resnet18"
    assert recipe.model.weights == "n"
    assert recipe.train.batch_size == load_recipe("lite").train.batch_size


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.learning_rat=1", ["train.learning_rat", "batch_size", "lr"]),
        ("trane.lr=1", ["trane", "model, train, augment"]),
        ("train.lr=-1", ["train.lr", "-1", "greater than 0"]),
        ("train.lr=fast", ["train.lr", "'fast'"]),
        ("train.lr", ["section.key=value"]),
        ("model.name.x=1", ["name is a value"]),
        ("train.policy=best", ["train.policy", "balanced"]),
        ("augment.reencode_quality=[90, 30]", ["from 90 down to 30"]),
        ("train.seed=-1", ["train.seed"]),
    ],
)
def test_wrong_override_is_refused_with_what_is_valid(override, said):
    with pytest.raises(RecipeError) as caught:
        load_recipe("lite", [override])
    assert all(part in str(caught.value) for part in said)


def test_unknown_name_lists_the_recipes():
    with pytest.raises(RecipeError, match=r"'resnet'.*report/resnet18.*\.toml file"):
        load_recipe("resnet")


def test_missing_file_is_an_error():
    with pytest.raises(RecipeError, match="nowhere"):
        load_recipe("nowhere/recipe.toml")


def test_broken_toml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("schema = 1\n[model\nname = 1\n")
    with pytest.raises(RecipeError, match="line 2"):
        load_recipe(str(path))


def test_a_recipe_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes('name = "Größe"'.encode("latin-1"))
    with pytest.raises(RecipeError, match=r"r\.toml is not UTF-8 text"):
        load_recipe(str(path))


def test_recipe_without_a_network_is_refused(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("[train]\nlr = 1e-3\n")
    with pytest.raises(RecipeError, match=r"model is missing: write \[model\] with name"):
        load_recipe(str(path))


def test_newer_schema_is_refused(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('schema = 2\n[model]\nname = "resnet18"\n')
    with pytest.raises(RecipeError, match="schema = 2"):
        load_recipe(str(path))


def test_recipe_is_frozen():
    recipe = load_recipe("lite")
    assert isinstance(recipe, Recipe)
    with pytest.raises(ValidationError):
        recipe.train.lr = 1.0


def test_a_misspelt_recipe_is_answered_with_the_nearest_one():
    with pytest.raises(RecipeError, match="'liet': did you mean 'lite'"):
        load_recipe("liet")
    with pytest.raises(RecipeError, match="'zzz': choose one of"):
        load_recipe("zzz")
