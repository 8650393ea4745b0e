import re

import pytest

from fauxto.core.choices import Reencoding
from fauxto.core.labels import Label
from fauxto.core.provenance import (
    Claim,
    Forgery,
    Provenance,
    ProvenanceKind,
    Statement,
    Strength,
)
from fauxto.core.records import Policy, Prediction
from fauxto.report.page import render_page
from fauxto.serve.present import POLICY_WORDS, draw_scale, view_result
from fauxto.serve.schemas import Explanation, Result, Stability


def prediction(score=0.7, verdict="fake", band=(0.4, 0.6), **more):
    return Prediction(
        path="a.png",
        score=score,
        verdict=verdict,
        threshold=0.6,
        unsure_band=band,
        model="m",
        preprocess_hash="0",
        **more,
    )


def bands(svg):
    return [
        (kind, float(x), float(width))
        for kind, x, width in re.findall(
            r'class="band-(\w+)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg
        )
    ]


def test_the_scale_is_covered_by_what_would_be_said_there():
    assert bands(draw_scale(prediction())) == [
        ("real", 10, 152),
        ("unsure", 162, 76),
        ("fake", 238, 152),
    ]
    # A band that does not reach the threshold leaves a piece of "real" between.
    assert [kind for kind, *_ in bands(draw_scale(prediction(band=(0.2, 0.3))))] == [
        "real",
        "unsure",
        "real",
        "fake",
    ]
    assert [kind for kind, *_ in bands(draw_scale(prediction(band=None)))] == ["real", "fake"]


@pytest.mark.parametrize("score", [0.0, 1.0, 0.6])
def test_marks_stay_on_the_scale(score):
    svg = draw_scale(prediction(score))
    places = [float(x) for x in re.findall(r'<(?:text|path)[^>]*?(?:x="|d="M)([\d.]+)', svg)]
    assert all(0 <= x <= 400 for x in places)


def test_words_say_side_and_threshold_and_why_unsure():
    assert view_result(Result(prediction=prediction())).sentence == (
        "Score 0.70, at or above the threshold of 0.60."
    )
    unsure = view_result(Result(prediction=prediction(0.5, "unsure")))
    assert unsure.words == "Unsure"
    assert unsure.sentence == (
        "Score 0.50, below the threshold of 0.60, but within 0.40 to 0.60, where fauxto is unsure."
    )


def test_every_policy_has_words():
    assert set(POLICY_WORDS) == set(Policy)


def render(result):
    return render_page("serve_result.html", result=view_result(result), limits=("l",), base="")


def test_names_statements_and_notes_are_escaped():
    attack = '<img src=x onerror="alert(1)">'
    statement = Statement(
        kind=ProvenanceKind.GENERATOR,
        claim=Claim.AI,
        what=attack,
        where=attack,
        offset=0,
        strength=Strength.MEDIUM,
        forgery=Forgery.EASY,
    )
    provenance = Provenance(statements=(statement,), notes=(attack,))
    shown = prediction(provenance=provenance, notes=(attack,)).model_copy(update={"path": attack})
    page = render(Result(prediction=shown))
    assert "<img src=x" not in page
    assert page.count("&lt;img src=x") + page.lower().count("&lt;img src=x onerror") >= 5
    failed = render(Result(prediction=shown.model_copy(update={"score": None, "error": attack})))
    assert "<img src=x" not in failed


def test_a_flip_is_shown_open_and_a_stable_answer_closed():
    def stability(*flips):
        scores = dict.fromkeys(Reencoding, 0.2)
        return Stability(scores=scores, flips=flips, largest_change=0.5)

    assert "<details open>" in render(
        Result(prediction=prediction(), stability=stability(Reencoding.JPEG_75))
    )
    page = render(Result(prediction=prediction(), stability=stability()))
    assert "<details open>" not in page
    assert "after 4 re-encodings the score is on the same side" in page


def test_the_download_holds_the_answer_without_the_drawing():
    import base64
    import json

    explanation = Explanation(image="data:image/png;base64,AAAA")
    view = view_result(Result(prediction=prediction(), explanation=explanation))
    text = base64.b64decode(view.json.partition(",")[2]).decode()
    assert json.loads(text)["prediction"]["score"] == 0.7
    assert "AAAA" not in text


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((0.25, 0, 0.75, 1), True),
        ((0, 0.1, 1, 0.9), True),
        ((0, 0, 1, 1), False),
        ((0, -0.5, 1, 1.5), False),
    ],
)
def test_parts_that_the_network_does_not_see_are_told(box, said):
    explanation = Explanation(side=Label.FAKE, image="data:image/png;base64,AAAA", box=box)
    page = render(Result(prediction=prediction(), explanation=explanation))
    assert ("parts beside it were not looked at" in page) is said


def test_a_missing_map_says_why():
    page = render(Result(prediction=prediction(), explanation=Explanation(note="no map inside")))
    assert "No heat map: no map inside." in page
    assert 'type="range"' not in page
