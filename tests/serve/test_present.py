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
from fauxto.serve.present import POLICY_WORDS, draw_scale, format_scores, view_result
from fauxto.serve.problems import ProblemError
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
    assert [kind for kind, *_ in bands(draw_scale(prediction(band=None)))] == ["real", "fake"]


@pytest.mark.parametrize("score", [0.0, 1.0, 0.6])
def test_marks_stay_on_the_scale(score):
    svg = draw_scale(prediction(score))
    places = [float(x) for x in re.findall(r'<(?:text|path)[^>]*?(?:x="|d="M)([\d.]+)', svg)]
    assert all(0 <= x <= 400 for x in places)


def test_words_say_side_and_threshold_and_why_unsure():
    assert view_result(Result(prediction=prediction())).sentence == (
        "Score 0.70, above 0.60, which means probably made by AI."
    )
    assert view_result(Result(prediction=prediction(0.3, "real"))).sentence == (
        "Score 0.30, below 0.40, which means probably real."
    )
    assert view_result(Result(prediction=prediction(band=None))).sentence == (
        "Score 0.70, at or above 0.60, which means probably made by AI."
    )
    unsure = view_result(Result(prediction=prediction(0.5, "unsure")))
    assert unsure.words == "Unsure"
    assert unsure.sentence == ("Score 0.50, between 0.40 and 0.60, where fauxto is unsure.")
    flipped = view_result(Result(prediction=prediction(0.7, "unsure", flips=("jpeg-75",))))
    assert flipped.sentence.endswith("but not after mild re-encoding: so fauxto is unsure.")
    edge = prediction(0.6, "fake", band=(0.4, 0.6))  # a threshold at the end of the band
    assert view_result(Result(prediction=edge)).sentence == (
        "Score 0.60, at or above 0.60, which means probably made by AI."
    )
    doubted = view_result(Result(prediction=prediction(0.7, "unsure")))
    assert doubted.sentence.endswith("but nothing can be told here: so fauxto is unsure.")


@pytest.mark.parametrize(
    ("scores", "texts"),
    [
        ((0.7, 0.6), ["0.70", "0.60"]),
        ((0.997,), ["0.997"]),
        ((0.004, 0.5), ["0.004", "0.500"]),
        ((0.912, 0.914), ["0.912", "0.914"]),
        ((1.0, 0.0), ["1.00", "0.00"]),
        ((0.99999, 0.00001), ["> 0.9999", "< 0.0001"]),
        ((0.5, 0.5), ["0.50", "0.50"]),
    ],
)
def test_a_score_reads_neither_as_certain_nor_as_its_threshold(scores, texts):
    assert format_scores(*scores) == texts


def test_a_score_just_below_one_is_not_drawn_as_one():
    page = render(Result(prediction=prediction(0.99999)))
    assert "&gt; 0.9999" in page
    assert "1.00" not in page


def test_an_unsure_verdict_says_whose_side_the_map_shows():
    explanation = Explanation(side=Label.REAL, image="data:image/png;base64,AAAA")
    page = render(Result(prediction=prediction(0.5, "unsure"), explanation=explanation))
    assert "The verdict is unsure; the score lies on the side of a real picture" in page
    sure = render(Result(prediction=prediction(0.3, "real"), explanation=explanation))
    assert "Yellow: what speaks most for a real picture." in sure


def test_a_problem_is_told_in_words_not_in_its_code():
    problem = ProblemError("empty_file", "the file has no bytes").body()
    broken = prediction().model_copy(update={"score": None, "error": "empty: no bytes"})
    page = render(Result(prediction=broken, problem=problem))
    assert "The file is empty: the file has no bytes." in page
    assert "empty: no bytes" not in page


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
