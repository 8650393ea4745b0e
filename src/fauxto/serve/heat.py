"""A class-activation map as the client asked for it."""

import numpy as np
from jaxtyping import Float32
from PIL import Image

from fauxto.core.labels import Label
from fauxto.core.records import Fit, Preprocess
from fauxto.imaging.overlay import colour_map
from fauxto.report.page import image_uri
from fauxto.serve.schemas import Explanation, ExplanationForm

_PNG_PX = 224
_DIGITS = 4


def describe_heat(
    cam: Float32[np.ndarray, "h w"] | None,
    form: ExplanationForm,
    *,
    side: Label,
    box: tuple[float, float, float, float],
) -> Explanation:
    """Return the map in the asked form, or why there is none.

    Args:
        cam: what each place adds to the log odds of fake; None if the model gives no map.
        form: picture or numbers.
        side: show what speaks for this label.
        box: what the map covers; see ``covered_box``.
    """
    if cam is None:
        return Explanation(note="this model has no class-activation map inside")
    positive = np.maximum(cam if side is Label.FAKE else -cam, 0)
    heat = positive / max(float(positive.max()), np.finfo(np.float32).tiny)
    if form is ExplanationForm.NUMBERS:
        values = tuple(tuple(round(float(v), _DIGITS) for v in row) for row in heat)
        return Explanation(side=side, values=values, box=box)
    grey = Image.fromarray((heat * 255).round().astype(np.uint8))
    smooth = np.asarray(grey.resize((_PNG_PX, _PNG_PX), Image.Resampling.BICUBIC)) / 255
    return Explanation(side=side, image=image_uri(Image.fromarray(colour_map(smooth))), box=box)


def covered_box(
    width: int, height: int, preprocess: Preprocess
) -> tuple[float, float, float, float]:
    """Return what of a picture the network sees, in parts of its width and height.

    >>> covered_box(200, 100, Preprocess(fit=Fit.CROP))
    (0.25, 0.0, 0.75, 1.0)
    >>> covered_box(200, 100, Preprocess(fit=Fit.PAD))
    (0.0, -0.5, 1.0, 1.5)
    """
    match preprocess.fit:
        case Fit.SQUASH:
            side_x, side_y = width, height
        case Fit.PAD:
            side_x = side_y = max(width, height)
        case Fit.CROP:
            side_x = side_y = min(width, height)
        case Fit.NATIVE_CROP:
            side_x = side_y = min(width, height, preprocess.size_px)
    x, y = side_x / width / 2, side_y / height / 2
    return 0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y
