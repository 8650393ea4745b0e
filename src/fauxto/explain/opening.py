"""Opening what is to be explained, with torch only where a run folder asks for it."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fauxto.core.artifacts import require_finished
from fauxto.core.errors import MissingExtra, RecipeError
from fauxto.explain.catalogue import check_names
from fauxto.explain.onnx_subject import OnnxSubject, open_onnx_subject
from fauxto.explain.subject import Subject

if TYPE_CHECKING:
    from fauxto.explain.torch_subject import TorchSubject

ONNX: Final = ".onnx"


def check_models(models: Sequence[Path]) -> None:
    """Check that models are run folders that are finished, or ONNX files.

    Raises:
        RecipeError: there is none.
        ArtifactError: a run is missing or unfinished.
        MissingExtra: a run folder was given and torch is not installed.
    """
    if not models:
        raise RecipeError("name at least one run folder or ONNX file")
    for model in models:
        if model.suffix == ONNX:
            continue
        require_finished(model, "train")
        if find_spec("torch") is None:
            raise MissingExtra(f"the run folder {model}", "train")


def open_subjects(models: Sequence[Path], request: str, device: str) -> list[Subject]:
    """Open models under names that differ.

    Args:
        models: run folders and ONNX files.
        request: ``auto``, ``all`` or names of methods joined by commas.
        device: where run folders' networks run.

    Raises:
        RecipeError: a method is unknown or fits no network.
        ArtifactError: a model cannot be opened.
    """
    check_names(request)
    subjects: list[Subject] = []
    for model in models:
        first = _open(model, request, device)
        name, number = first.name, 2
        while name in {subject.name for subject in subjects}:
            name, number = f"{first.name} ({number})", number + 1
        subjects.append(replace(first, name=name))
    return subjects


def match_controls(
    subjects: Sequence[Subject], controls: Sequence[Path], request: str, device: str
) -> dict[str, Subject]:
    """Return for each subject, by name, the network like it that was trained on permuted labels.

    Args:
        subjects: what is explained.
        controls: run folders or ONNX files; each belongs to the subjects of its architecture.
        request: methods, as for the subjects.
        device: where run folders' networks run.

    Raises:
        RecipeError: a control fits no subject, or sees pictures in another way.
    """
    found: dict[str, Subject] = {}
    for path in controls:
        control = _open(path, request, device)
        alike = [s for s in subjects if s.card.architecture == control.card.architecture]
        for subject in alike:
            if subject.card.preprocess != control.card.preprocess:
                raise RecipeError(
                    f"{path} prepares pictures in another way than {subject.name}: a control "
                    "must differ in its labels only"
                )
            if set(subject.methods) - set(control.methods):
                raise RecipeError(
                    f"{path} cannot be explained by all methods of {subject.name}: give a run "
                    "folder for a run folder, an ONNX file for an ONNX file"
                )
            found[subject.name] = control
        if not alike:
            raise RecipeError(
                f"{path} is a {control.card.architecture} and none of the explained models is: "
                "a control is the same network trained on permuted labels"
            )
    return found


def _open(model: Path, request: str, device: str) -> "OnnxSubject | TorchSubject":
    if model.suffix == ONNX:
        return open_onnx_subject(model, request)
    # The one door to torch: an ONNX file must be explained where torch is not installed.
    from fauxto.explain.torch_subject import open_torch_subject  # noqa: PLC0415

    return open_torch_subject(model, request, device)
