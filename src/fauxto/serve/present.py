"""What a page says of a picture: the answer in words, and the score on a scale."""

import base64
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from fauxto.core.choices import Policy, Reencoding
from fauxto.core.labels import Label, Verdict
from fauxto.core.provenance import Provenance, Statement
from fauxto.core.records import Prediction
from fauxto.metrics.threshold import verdict
from fauxto.serve.schemas import Result, Stability

POLICY_WORDS: Final[dict[Policy, str]] = {
    Policy.ARGMAX: "whichever is likelier",
    Policy.BALANCED: "both mistakes count the same",
    Policy.FPR_1: "accuse at most 1 % of real pictures",
    Policy.FPR_5: "accuse at most 5 % of real pictures",
    Policy.COST: "a missed AI picture costs more than a false alarm",
}
VERDICT_WORDS: Final = {
    Verdict.FAKE: "Probably made by AI",
    Verdict.REAL: "Probably real",
    Verdict.UNSURE: "Unsure",
}
SIDE_WORDS: Final = {Label.FAKE: "AI", Label.REAL: "a real picture"}
CHANGE_WORDS: Final = {
    Reencoding.JPEG_90: "saved as JPEG, quality 90",
    Reencoding.JPEG_75: "saved as JPEG, quality 75",
    Reencoding.WEBP_80: "saved as WebP, quality 80",
    Reencoding.SCALE_90: "scaled to 90 %",
}

_LEFT, _WIDTH, _TOP, _HEIGHT = 10.0, 380.0, 30.0, 15.0


@dataclass(frozen=True)
class ShownReencoding:
    """A row of the table of re-encodings."""

    change: str
    score: float
    flips: bool


@dataclass(frozen=True)
class ResultView:
    """What ``serve_result.html`` shows of one picture."""

    name: str
    error: str
    verdict: str
    words: str
    sentence: str
    scale: str
    heat: str | None
    heat_note: str | None
    heat_side: str
    box: tuple[float, float, float, float]
    partly: bool
    stability: str
    flips: int
    reencodings: tuple[ShownReencoding, ...]
    says: tuple[Statement, ...]
    says_notes: str
    says_caveat: str
    notes: str
    json: str
    download: str


def view_result(result: Result) -> ResultView:
    """Return what to show of a result."""
    prediction = result.prediction
    provenance = prediction.provenance or Provenance()
    explanation, stability = result.explanation, result.stability
    box = explanation.box if explanation else (0.0, 0.0, 1.0, 1.0)
    return ResultView(
        name=prediction.path,
        error=prediction.error or "",
        verdict=prediction.verdict or "",
        words=VERDICT_WORDS[prediction.verdict] if prediction.verdict else "",
        sentence=_sentence(prediction),
        scale=draw_scale(prediction),
        heat=explanation.image if explanation else None,
        heat_note=explanation.note if explanation else None,
        heat_side=SIDE_WORDS[explanation.side] if explanation and explanation.side else "",
        box=box,
        partly=box[0] > 0 or box[1] > 0,
        stability=_stability_words(len(stability.flips), len(stability.scores))
        if stability
        else "",
        flips=len(stability.flips) if stability else 0,
        reencodings=_rows(stability) if stability else (),
        says=provenance.statements,
        says_notes="; ".join(provenance.notes),
        says_caveat=provenance.caveat,
        notes="; ".join(prediction.notes).capitalize(),
        json=_json_address(result),
        download="fauxto.json",
    )


def _rows(stability: Stability) -> tuple[ShownReencoding, ...]:
    return tuple(
        ShownReencoding(CHANGE_WORDS[change], score, change in stability.flips)
        for change, score in stability.scores.items()
    )


def _sentence(prediction: Prediction) -> str:
    if prediction.score is None:
        return ""
    score, threshold = prediction.score, prediction.threshold
    side = "at or above" if score >= threshold else "below"
    text = f"Score {score:.2f}, {side} the threshold of {threshold:.2f}"
    band = prediction.unsure_band
    if band is not None and band[0] <= score <= band[1]:
        return f"{text}, but within {band[0]:.2f} to {band[1]:.2f}, where fauxto is unsure."
    if prediction.flips:
        return f"{text}, but not after mild re-encoding: so fauxto is unsure."
    return f"{text}."


def _stability_words(flips: int, changes: int) -> str:
    if not flips:
        return (
            f"Stable: after {changes} re-encodings the score is on the same side of the threshold"
        )
    return f"Not stable: after {flips} of {changes} re-encodings the score is across the threshold"


def _json_address(result: Result) -> str:
    text = result.model_dump_json(indent=2, exclude={"explanation": {"image"}})
    return f"data:application/json;base64,{base64.b64encode(text.encode()).decode()}"


def draw_scale(prediction: Prediction) -> str:
    """Return an SVG of the score among threshold and unsure band; empty without a score."""
    score = prediction.score
    if score is None:
        return ""
    threshold, band = prediction.threshold, prediction.unsure_band
    edges = sorted({0.0, 1.0, threshold, *(band or ())})
    bands = [
        f'<rect class="band-{verdict((low + high) / 2, threshold, band)}" x="{_x(low):.1f}" '
        f'y="{_TOP}" width="{_x(high) - _x(low):.1f}" height="{_HEIGHT}"/>'
        for low, high in pairwise(edges)
    ]
    said = f"{_sentence(prediction)} Scale from 0, real, to 1, made by AI."
    bottom = _TOP + _HEIGHT
    mark = _x(score)
    unsure = ""
    if band is not None and _x(band[1]) - _x(band[0]) > 70:
        middle = (_x(band[0]) + _x(band[1])) / 2
        unsure = f'<text class="soft" x="{middle:.1f}" y="{bottom + 39}" {_CENTRE}>unsure</text>'
    near = min(max(_x(threshold), 75), 325)
    return (
        f'<svg class="scale" viewBox="0 0 400 88" role="img" aria-label="{escape(said)}">'
        + "".join(bands)
        + f'<line class="line" x1="{_x(threshold):.1f}" x2="{_x(threshold):.1f}" y1="{_TOP - 3}" '
        f'y2="{bottom + 5}"/>'
        f'<text class="soft" x="{near:.1f}" y="{bottom + 20}" {_CENTRE}>threshold {threshold:.2f}'
        "</text>"
        f'<path class="mark" d="M{mark:.1f} {_TOP + 3} l-7 -11 h14 z"/>'
        f'<text x="{min(max(mark, 26), 374):.1f}" y="15" font-weight="700" {_CENTRE}>{score:.2f}'
        "</text>"
        f'<text class="soft" x="{_LEFT}" y="{bottom + 39}">real</text>{unsure}'
        f'<text class="soft" x="{_LEFT + _WIDTH}" y="{bottom + 39}" text-anchor="end">AI</text>'
        "</svg>"
    )


_CENTRE: Final = 'text-anchor="middle"'


def _x(score: float) -> float:
    return _LEFT + _WIDTH * score
