"""A trained network in its run folder: weights, card and recipe, saved and opened together."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import safetensors.torch
from torch import Tensor, nn

from fauxto.core.artifacts import (
    RECIPE,
    WEIGHTS,
    read_card,
    require_finished,
    write_text,
)
from fauxto.core.errors import ArtifactError, WeightsError
from fauxto.core.labels import LABELS
from fauxto.core.recipe import Recipe, load_recipe
from fauxto.core.records import ModelCard, Preprocess
from fauxto.core.storage import atomic_path
from fauxto.models.build import build_network, choose_device, find_spec
from fauxto.models.specs import ModelSpec
from fauxto.models.weights import read_state

TIMM_CONFIG: Final = "config.json"


@dataclass(frozen=True)
class LoadedRun:
    """A run folder, opened.

    Attributes:
        module: the network in evaluation mode, on its device.
        card: what it is and how to use it.
        spec: facts of the architecture.
        recipe: how it was trained.
    """

    module: nn.Module
    card: ModelCard
    spec: ModelSpec
    recipe: Recipe


def save_weights(run: Path, state: dict[str, Tensor]) -> None:
    """Write a state dict as ``weights.safetensors``, under the network's own names."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_path(run / WEIGHTS) as temporary:
        safetensors.torch.save_file(contiguous, temporary, metadata={"format": "pt"})


def save_timm_config(run: Path, spec: ModelSpec, preprocess: Preprocess) -> None:
    """Write what ``timm.create_model("local-dir:RUN", pretrained=True)`` needs to open a run."""
    config = {
        "architecture": spec.factory,
        "num_classes": len(LABELS),
        "label_names": [str(label) for label in LABELS],
        "pretrained_cfg": {
            "input_size": [3, preprocess.size_px, preprocess.size_px],
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
            "classifier": spec.classifier,
        },
    }
    write_text(run / TIMM_CONFIG, json.dumps(config, indent=2) + "\n")


def load_run(run: Path, device: str = "cpu") -> LoadedRun:
    """Open a finished run folder.

    Args:
        run: folder written by ``fauxto train``.
        device: where to put the network; ``auto`` takes a GPU if there is one.

    Raises:
        ArtifactError: it is no finished run, or is damaged.
        RecipeError: the device cannot be used.
    """
    require_finished(run, "train")
    card, recipe = read_card(run), load_recipe(str(run / RECIPE))
    spec = find_spec(card.architecture, recipe.model.cam_layer)
    module = build_network(spec, size_px=card.preprocess.size_px)
    try:
        module.load_state_dict(read_state(run / WEIGHTS))
    except (WeightsError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{run / WEIGHTS} is damaged: {reason}") from error
    module.eval().to(choose_device(device))
    return LoadedRun(module, card, spec, recipe)
