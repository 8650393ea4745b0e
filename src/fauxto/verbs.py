"""The verbs as functions, for Python and notebooks: each returns a frozen record.

They live here and not in ``fauxto`` itself because there the names are those of their rooms.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fauxto.core.extras import find_missing_extra

_HOMES = {
    "audit": "fauxto.audit.run",
    "prepare": "fauxto.prepare.run",
    "train": "fauxto.train.run",
    "evaluate": "fauxto.evaluate.run",
    "evaluate_predictions": "fauxto.evaluate.run",
    "evaluate_detector": "fauxto.evaluate.run",
    "compare": "fauxto.compare.run",
    "explain": "fauxto.explain.run",
    "export": "fauxto.export.run",
    "measure_speed": "fauxto.speed.run",
    "load_recipe": "fauxto.core.recipe",
    "PrepareOptions": "fauxto.core.recipe",
}

__all__ = [
    "PrepareOptions",
    "audit",
    "compare",
    "evaluate",
    "evaluate_detector",
    "evaluate_predictions",
    "explain",
    "export",
    "load_recipe",
    "measure_speed",
    "prepare",
    "train",
]

if TYPE_CHECKING:
    from fauxto.audit.run import audit as audit
    from fauxto.compare.run import compare as compare
    from fauxto.core.recipe import PrepareOptions as PrepareOptions
    from fauxto.core.recipe import load_recipe as load_recipe
    from fauxto.evaluate.run import evaluate as evaluate
    from fauxto.evaluate.run import evaluate_detector as evaluate_detector
    from fauxto.evaluate.run import evaluate_predictions as evaluate_predictions
    from fauxto.explain.run import explain as explain
    from fauxto.export.run import export as export
    from fauxto.prepare.run import prepare as prepare
    from fauxto.speed.run import measure_speed as measure_speed
    from fauxto.train.run import train as train


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _HOMES:
        raise AttributeError(f"module 'fauxto.verbs' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        missing = find_missing_extra(error, f"verbs.{name}", name)
        if missing is None:
            raise
        raise missing from error
