"""Any Python function that scores a file, run over a folder of images."""

import importlib
import math
from collections.abc import Callable
from pathlib import Path

import polars as pl

from fauxto.core.artifacts import file_digest
from fauxto.core.errors import RecipeError
from fauxto.core.labels import Split
from fauxto.core.progress import Progress, silent
from fauxto.data.listing import Listing

Detector = Callable[[Path], float]
"""Takes the path of an image, returns its score in [0, 1], 1 is fake."""


def find_detector(reference: str) -> Detector:
    """Return the function that ``module:function`` names.

    Raises:
        RecipeError: the text has another form, or there is no such module or function.
    """
    module, _, name = reference.partition(":")
    if not module or not name:
        raise RecipeError(f"{reference!r} is not of the form module:function")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise RecipeError(f"cannot import {module!r} for {reference!r}: {error}") from error
    if not callable(found):
        raise RecipeError(f"the module {module!r} has no function {name!r}")
    function: Detector = found
    return function


def score_listing(
    detector: Detector, listing: Listing, split: Split | None, progress: Progress = silent
) -> pl.DataFrame:
    """Return a table of scores; an image on which the detector fails is a row with its error.

    Contents are told by their SHA-256, so that ``compare`` knows who judged the same images.

    Args:
        detector: function to call, once an image.
        listing: the images, with their labels.
        split: only images of this split; None takes all.
        progress: told after each image.
    """
    files = [file for file in listing.files if split is None or file.split == split]
    rows = []
    for done, file in enumerate(files, start=1):
        score, error = _try_score(detector, listing.root / file.path)
        rows.append(
            {
                "path": file.path,
                "label": str(file.label),
                "split": file.split and str(file.split),
                "source": file.source,
                "generator": file.generator,
                "score": score,
                "error": error,
                "sha256": _digest(listing.root / file.path),
            }
        )
        progress("score", done, len(files))
    names = ("path", "label", "split", "source", "generator", "error", "sha256")
    text = dict.fromkeys(names, pl.String)
    return pl.DataFrame(rows, schema_overrides={**text, "score": pl.Float64}, strict=False)


def _digest(path: Path) -> str | None:
    try:
        return file_digest(path)
    except OSError:  # the detector's own error tells of it
        return None


def _try_score(detector: Detector, path: Path) -> tuple[float | None, str | None]:
    try:
        score = float(detector(path))
    except Exception as error:  # noqa: BLE001 - somebody else's function may raise anything
        return None, f"{type(error).__name__}: {error}"
    if not (math.isfinite(score) and 0 <= score <= 1):
        return None, f"the detector returned {score}, not a number from 0 to 1"
    return score, None
