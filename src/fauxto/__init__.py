"""fauxto: is this picture real, or made by AI? Evidence, from data audit to verdict.

``Detector`` predicts; the verbs of the command line are functions in ``fauxto.verbs``::

    import fauxto
    from fauxto import verbs

    verbs.audit("pictures", out="AUDIT")
    fauxto.Detector.load("MODEL.onnx").predict("photo.jpg")

Each name is imported when it is first used, so that nothing heavy loads before it is needed.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# ONNX Runtime from 1.32 on names this machine in a file and reports every session to its maker,
# unless told not to before it is first imported. Here nothing leaves the machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"

_HOMES = {
    "Detector": "fauxto.predict.detector",
    "FauxtoError": "fauxto.core.errors",
}

__all__ = [
    "Detector",
    "FauxtoError",
]

if TYPE_CHECKING:
    from fauxto.core.errors import FauxtoError as FauxtoError
    from fauxto.predict.detector import Detector as Detector


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _HOMES:
        raise AttributeError(f"module 'fauxto' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
