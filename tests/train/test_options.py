import shutil

import numpy as np
import polars as pl
import pytest
import torch
from lightning_fabric import Fabric

from fauxto.core.labels import Split
from fauxto.core.recipe import load_recipe
from fauxto.data.prepared import open_dataset
from fauxto.loading.epochs import LabelledImages
from fauxto.models.build import build_network
from fauxto.models.checkpoint import load_run
from fauxto.models.specs import MODELS
from fauxto.models.weights import load_weights
from fauxto.train.fit import fit
from fauxto.train.objective import label_weights
from fauxto.train.plan import _list_images, make_plan
from fauxto.train.run import train
from fauxto.train.validation import FitData

PLAIN = ("model.weights=none", "train.batch_size=6", "train.lr=1e-3", "train.max_epochs=2",
         "augment.horizontal_flip=0")  # fmt: skip

OPTIONS = {
    "accumulate": ("train.accumulate=2",),
    "augment": ("augment.reencode=1", "augment.noise=1"),
    "bf16": ("train.precision=bf16",),
    "class_weights": ("train.class_weights=true",),
    "clip_norm": ("train.clip_norm=0.01", "train.optimizer=adam"),
    "ema": ("train.ema_decay=0.99",),
    "freeze": ("train.freeze_epochs=1",),
    "label_smoothing": ("train.label_smoothing=0.2",),
    "layer_decay": ("train.layer_decay=0.7",),
    "schedule": ("train.schedule=cosine", "train.warmup_epochs=0.5"),
    "weight_decay": ("train.weight_decay=0.5",),
}


def history_of(dataset, out, *overrides):
    train(dataset, recipe=load_recipe("lite", [*PLAIN, *overrides]), out=out)
    return pl.read_csv(out / "history.csv")


@pytest.fixture(scope="module")
def plain(dataset, tmp_path_factory):
    return history_of(dataset, tmp_path_factory.mktemp("plain") / "run")


@pytest.mark.parametrize("option", [name for name in OPTIONS if name != "class_weights"])
def test_option_changes_the_training(plain, dataset, tmp_path, option):
    history = history_of(dataset, tmp_path / "run", *OPTIONS[option])
    assert not history.equals(plain)
    assert np.isfinite(history["val_loss"].to_numpy()).all()


def first_steps(dataset, *overrides, name="resnet18"):
    """Return the weights after one epoch of a network that has no dropout."""
    recipe = load_recipe("lite", [*PLAIN, "train.max_epochs=1", *overrides])
    prepared = open_dataset(dataset)
    images = [_list_images(prepared, split) for split in (Split.TRAIN, Split.VAL)]
    torch.manual_seed(3)
    module = build_network(MODELS[name], size_px=32)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # so that batches do not see each other
            layer.train = lambda mode=True, layer=layer: layer
            layer.training = False
    return module, recipe, FitData(*images, prepared.preprocess, 1)


def fitted_state(dataset, folder, *overrides):
    module, recipe, data = first_steps(dataset, *overrides)
    result = fit(
        module, MODELS["resnet18"], data, recipe, Fabric(accelerator="cpu", devices=1),
        folder=folder, on_epoch=lambda history: None, progress=lambda *_: None,
    )  # fmt: skip
    return result.state


def test_accumulated_batches_give_the_step_of_one_large_batch(dataset, tmp_path):
    large = fitted_state(dataset, tmp_path / "a", "train.batch_size=8")
    small = fitted_state(dataset, tmp_path / "b", "train.batch_size=4", "train.accumulate=2")
    tiny = fitted_state(dataset, tmp_path / "c", "train.batch_size=4")
    name = "layer4.1.conv2.weight"
    assert (large[name] - small[name]).abs().max() < 0.2 * (large[name] - tiny[name]).abs().max()


def test_label_weights_make_both_classes_count_the_same():
    labels = np.array([0, 0, 0, 1])
    weights = label_weights(LabelledImages((), labels))[labels]
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights.mean() == pytest.approx(1)


def test_frozen_epochs_leave_the_backbone_as_it_was(dataset, tmp_path):
    recipe = load_recipe("lite", ["train.max_epochs=1", "train.freeze_epochs=1"])
    out = train(dataset, recipe=recipe, out=tmp_path / "run").out
    pretrained = build_network(MODELS["efficientnet_lite0"], size_px=32)
    load_weights(pretrained, MODELS["efficientnet_lite0"], "default")
    trained = load_run(out).module.state_dict()
    for name, value in pretrained.state_dict().items():
        assert torch.equal(trained[name], value) is not name.startswith("classifier"), name


def test_clipped_gradients_have_the_asked_norm(dataset, tmp_path, monkeypatch):
    norms = []
    step = torch.optim.AdamW.step

    def record(self, *args, **kwargs):
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(torch.nn.utils.get_total_norm(gradients).item())
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", record)
    fitted_state(dataset, tmp_path / "a", "train.clip_norm=0.5")
    assert norms
    assert max(norms) < 0.5001


def test_history_records_the_scheduled_rate(dataset, tmp_path):
    history = history_of(
        dataset, tmp_path / "run", "train.schedule=cosine", "train.warmup_epochs=1"
    )
    assert history["lr"].to_list() == pytest.approx([0.75e-3, 0.5e-3 * (1 + np.cos(np.pi * 2 / 3))])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles for a CPU with g++")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_network_learns_what_the_plain_one_does(dataset, tmp_path):
    settings = ("model.name=resnet18", "train.batch_size=9", "train.lr=1e-4")
    plain = history_of(dataset, tmp_path / "plain", *settings)
    compiled = history_of(dataset, tmp_path / "compiled", *settings, "train.compile=true")
    for column in ("train_loss", "val_loss"):
        assert compiled[column].to_list() == pytest.approx(plain[column].to_list(), rel=0.02)
    assert load_run(tmp_path / "compiled").card.architecture == "resnet18"


def test_settings_that_came_later_leave_the_stamp_of_older_recipes_alone(dataset):
    def named(*overrides):
        recipe = load_recipe("lite", overrides)
        return make_plan(dataset, recipe).arguments["recipe"]["augment"]

    assert not {"colour", "colour_strength", "greyscale", "shuffle"} & set(named())
    assert named("augment.colour=0.5")["colour_strength"] == 0.4
    assert named("augment.shuffle=0.5")["shuffle"] == 0.5
