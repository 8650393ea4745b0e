"""Examples in the OpenAPI document."""

from typing import Any, Final

from fauxto.core.choices import Policy, Reencoding
from fauxto.core.labels import Label, Verdict
from fauxto.core.provenance import Provenance
from fauxto.core.records import Prediction
from fauxto.serve.schemas import Answer, Explanation, Result, Stability

_PREDICTION: Final = Prediction(
    path="photo.jpg",
    verdict=Verdict.FAKE,
    score=0.93,
    threshold=0.61,
    policy=Policy.FPR_5,
    unsure_band=(0.42, 0.66),
    model="lite",
    preprocess_hash="314b2548b89f",
    provenance=Provenance(),
    flips=(),
)
_SCORES: Final = (0.92, 0.9, 0.91, 0.94)

ANSWER: Final[dict[str, Any]] = Answer(
    results=(
        Result(
            prediction=_PREDICTION,
            stability=Stability(
                scores=dict(zip(Reencoding, _SCORES, strict=True)), flips=(), largest_change=0.03
            ),
            explanation=Explanation(side=Label.FAKE, image="data:image/png;base64,iVBORw0KGgo="),
        ),
    )
).model_dump(mode="json")
"""What ``POST /v1/predict?stability=true&explanation=png`` answers."""
