import json

import pytest
import torch

from fauxto.core.artifacts import claim_folder, finish_folder, write_json, write_text
from fauxto.core.recipe import Recipe, recipe_to_toml
from fauxto.core.records import (
    DataSummary,
    Environment,
    ModelCard,
    OperatingPoint,
    Policy,
    Preprocess,
)
from fauxto.models.build import build_network, count_parameters, find_spec
from fauxto.models.checkpoint import save_weights

SIZE_PX = 32


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A finished run of the smallest network, with random weights."""
    run = tmp_path_factory.mktemp("speed") / "run"
    claim = claim_folder(run, "train", {})
    torch.manual_seed(0)
    network = build_network(find_spec("efficientnet_lite0"), size_px=SIZE_PX)
    preprocess = Preprocess(size_px=SIZE_PX)
    card = ModelCard(
        name="tiny",
        architecture="efficientnet_lite0",
        parameters=count_parameters(network),
        preprocess=preprocess,
        preprocess_hash=preprocess.hash,
        temperature=1.0,
        threshold=0.5,
        policy=Policy.ARGMAX,
        operating_points=(
            OperatingPoint(policy=Policy.ARGMAX, threshold=0.5, recall_fake=0.5, fpr=0.5),
        ),
        data=DataSummary(digest="0" * 64, counts={}),
        seed=0,
        epochs=1,
        best_epoch=1,
        best_val_loss=0.7,
        batch_size=4,
        lr=1e-3,
        weights_source="none",
        weights_licence="none",
        wall_time_s=1.0,
        environment=Environment(python="3.11", platform="x", device="cpu"),
    )
    write_json(run / "card.json", json.loads(card.model_dump_json()))
    recipe = Recipe.model_validate({"model": {"name": "efficientnet_lite0"}})
    write_text(run / "recipe.toml", recipe_to_toml(recipe))
    save_weights(run, network.state_dict())
    finish_folder(claim)
    return run
