"""What a page says of a picture: the answer in words, and the score on a scale."""

import base64
from dataclasses import dataclass
from html import escape
from typing import Final

from fauxto.core.choices import Policy, Reencoding
from fauxto.core.labels import Label, Verdict
from fauxto.core.provenance import Provenance, Statement
from fauxto.core.records import Prediction
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

_MOST_DIGITS: Final = 4
_LEFT, _WIDTH, _TOP, _HEIGHT = 10.0, 380.0, 30.0, 15.0


@dataclass(frozen=True)
class ShownReencoding:
    """A row of the table of re-encodings."""

    change: str
    score: str
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
    preview: str | None
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
        error=_problem_sentence(result),
        verdict=prediction.verdict or "",
        words=VERDICT_WORDS[prediction.verdict] if prediction.verdict else "",
        sentence=_sentence(prediction),
        scale=draw_scale(prediction),
        heat=explanation.image if explanation else None,
        heat_note=explanation.note if explanation else None,
        heat_side=SIDE_WORDS[explanation.side] if explanation and explanation.side else "",
        preview=_data_address("image/jpeg", result.preview) if result.preview else None,
        box=box,
        partly=box[0] > 0 or box[1] > 0,
        stability=_stability_words(stability, prediction.threshold) if stability else "",
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
        ShownReencoding(CHANGE_WORDS[change], format_scores(score)[0], change in stability.flips)
        for change, score in stability.scores.items()
    )


def format_scores(*scores: float) -> list[str]:
    """Return scores with as many digits as tell them from 0, from 1 and from each other.

    >>> format_scores(0.7, 0.6)
    ['0.70', '0.60']
    >>> format_scores(0.9951), format_scores(0.9999999), format_scores(1.0)
    (['0.995'], ['> 0.9999'], ['1.00'])
    """
    ends = {0.0, 1.0}
    for digits in range(2, _MOST_DIGITS + 1):
        texts = [f"{score:.{digits}f}" for score in scores]
        shown = {float(text) for text in texts}
        if len(shown) == len(set(scores)) and shown & ends <= set(scores):
            return texts
    return [_beside_ends(text, score) for text, score in zip(texts, scores, strict=True)]


def _beside_ends(text: str, score: float) -> str:
    step = 10.0**-_MOST_DIGITS
    if float(text) == 1 and score < 1:
        return f"> {1 - step:.{_MOST_DIGITS}f}"
    if float(text) == 0 and score > 0:
        return f"< {step:.{_MOST_DIGITS}f}"
    return text


def _problem_sentence(result: Result) -> str:
    if result.problem is None:
        return result.prediction.error or ""
    return f"{result.problem.title}: {result.problem.detail}."


def _ends(prediction: Prediction) -> tuple[float, float]:
    """Return the scores below which the verdict is real and above which it is fake."""
    return prediction.unsure_band or (prediction.threshold, prediction.threshold)


def _sentence(prediction: Prediction) -> str:
    if prediction.score is None:
        return ""
    low, high = _ends(prediction)
    score, shown_low, shown_high = format_scores(prediction.score, low, high)
    unsure = prediction.verdict is Verdict.UNSURE
    if unsure and low <= prediction.score <= high:
        return f"Score {score}, between {shown_low} and {shown_high}, where fauxto is unsure."
    if prediction.score < low:
        where = f"Score {score}, below {shown_low}, which means probably real"
    else:
        at_end = prediction.unsure_band is None or prediction.score == high
        reach = "at or above" if at_end else "above"
        where = f"Score {score}, {reach} {shown_high}, which means probably made by AI"
    if prediction.flips:
        return f"{where}, but not after mild re-encoding: so fauxto is unsure."
    return f"{where}, but nothing can be told here: so fauxto is unsure." if unsure else f"{where}."


def _stability_words(stability: Stability, threshold: float) -> str:
    flips, changes = len(stability.flips), len(stability.scores)
    bound = f"the threshold of {format_scores(threshold)[0]}"
    if not flips:
        return f"Stable: after {changes} re-encodings the score is on the same side of {bound}"
    return f"Not stable: after {flips} of {changes} re-encodings the score is across {bound}"


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _json_address(result: Result) -> str:
    text = result.model_dump_json(indent=2, exclude={"explanation": {"image"}})
    return _data_address("application/json", text.encode())


def draw_scale(prediction: Prediction) -> str:
    """Return an SVG of the score on a scale of what would be said; empty without a score."""
    score = prediction.score
    if score is None:
        return ""
    low, high = _ends(prediction)
    kinds = (Verdict.REAL, 0.0, low), (Verdict.UNSURE, low, high), (Verdict.FAKE, high, 1.0)
    bands = [
        f'<rect class="band-{kind}" x="{_x(start):.1f}" y="{_TOP}" '
        f'width="{_x(end) - _x(start):.1f}" height="{_HEIGHT}"/>'
        for kind, start, end in kinds
        if end > start
    ]
    said = f"{_sentence(prediction)} Scale from 0, real, to 1, made by AI."
    bottom = _TOP + _HEIGHT
    mark = _x(score)
    unsure = ""
    if _x(high) - _x(low) > 70:
        middle = min(max((_x(low) + _x(high)) / 2, 75), 325)
        unsure = f'<text class="soft" x="{middle:.1f}" y="{bottom + 39}" {_CENTRE}>unsure</text>'
    shown, *_ = format_scores(score)
    return (
        f'<svg class="scale" viewBox="0 0 400 88" role="img" aria-label="{escape(said)}">'
        + "".join(bands)
        + _mark_ends(low, high)
        + f'<path class="mark" d="M{mark:.1f} {_TOP + 3} l-7 -11 h14 z"/>'
        f'<text x="{min(max(mark, 34), 366):.1f}" y="15" font-weight="700" {_CENTRE}>'
        f"{escape(shown)}</text>"
        f'<text class="soft" x="{_LEFT}" y="{bottom + 39}">real</text>{unsure}'
        f'<text class="soft" x="{_LEFT + _WIDTH}" y="{bottom + 39}" text-anchor="end">AI</text>'
        "</svg>"
    )


def _mark_ends(low: float, high: float) -> str:
    """Return a line and a number at each end of the unsure band, one number where they are near."""
    bottom = _TOP + _HEIGHT
    lines = "".join(
        f'<line class="line" x1="{_x(end):.1f}" x2="{_x(end):.1f}" y1="{_TOP - 3}" '
        f'y2="{bottom + 5}"/>'
        for end in sorted({low, high})
    )
    texts = format_scores(low, high)
    if low == high:
        labels = [(_x(low), f"threshold {texts[0]}")]
    elif _x(high) - _x(low) < 60:
        labels = [((_x(low) + _x(high)) / 2, f"unsure {texts[0]} to {texts[1]}")]
    else:
        labels = [(_x(low), texts[0]), (_x(high), texts[1])]
    room = 30 if len(labels) == 2 else 95
    return lines + "".join(
        f'<text class="soft" x="{min(max(place, room), 400 - room):.1f}" y="{bottom + 20}" '
        f"{_CENTRE}>{escape(text)}</text>"
        for place, text in labels
    )


_CENTRE: Final = 'text-anchor="middle"'


def _x(score: float) -> float:
    return _LEFT + _WIDTH * score
