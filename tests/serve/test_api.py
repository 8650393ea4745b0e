import io
import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from serve_inputs import CARD, LIMITS, encoded, picture, running, tiny_model
from typer.testing import CliRunner

from fauxto.cli.app import app as command_line
from fauxto.core.records import ModelCard
from fauxto.models.onnx_scorer import OnnxScorer
from fauxto.serve.access import hash_key
from fauxto.serve.problems import PROBLEMS
from fauxto.serve.settings import ServeLimits


def post(client, *contents, names=None, **options):
    names = names or [f"{i}.png" for i in range(len(contents))]
    files = [("file", (name, content)) for name, content in zip(names, contents, strict=True)]
    return client.post("/v1/predict", files=files, params=options)


def raw(client, content, kind="image/png", **options):
    return client.post(
        "/v1/predict", content=content, headers={"content-type": kind}, params=options
    )


def problem(response):
    """The code of a problem, after checking that the document is one."""
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "code", "detail"}
    assert (body["status"], body["title"]) == (response.status_code, PROBLEMS[body["code"]].title)
    assert PROBLEMS[body["code"]].status == response.status_code
    return body["code"]


EXIF = Image.Exif()
EXIF[0x0112] = 6
TURNED = EXIF.tobytes()
KIND_PNG = encoded(9)
KINDS = {
    "jpeg": encoded(1, (300, 200), "JPEG", quality=80),
    "png": encoded(2),
    "webp": encoded(3, image_format="WEBP"),
    "grey": encoded(4, mode="L"),
    "alpha": encoded(5, mode="RGBA"),
    "palette": encoded(6, mode="P"),
    "turned": encoded(7, (60, 20), "JPEG", exif=TURNED),
    "broken": encoded(8)[:90],
    "damaged": b"".join((KIND_PNG[:60], b"\xff" * 8, KIND_PNG[68:])),
    "text": b"no picture at all",
}


@pytest.mark.parametrize(
    ("flags", "options"),
    [([], {}), (["--policy", "argmax"], {"policy": "argmax"}), (["--stability"], {"stability": 1})],
)
def test_the_answer_is_that_of_predict_for_the_same_bytes(
    client, model_path, tmp_path, flags, options
):
    paths = [tmp_path / name for name in KINDS]
    for path, content in zip(paths, KINDS.values(), strict=True):
        path.write_bytes(content)
    result = CliRunner().invoke(
        command_line, ["predict", *map(str, paths), "--json", "--model", str(model_path), *flags]
    )
    expected = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert len(expected) == len(KINDS)
    found = [
        one["prediction"]
        for start in range(0, len(KINDS), 4)
        for one in post(client, *list(KINDS.values())[start : start + 4], **options).json()[
            "results"
        ]
    ]
    for said, same in zip(expected, found, strict=True):
        assert same.pop("score") == pytest.approx(said.pop("score"), abs=1e-6)
        assert {**same, "path": ""} == {**said, "path": ""}
    assert {one["verdict"] for one in expected} > {None}


def test_raw_bytes_and_multipart_give_the_same_answer(client):
    one = raw(client, KINDS["jpeg"], "image/jpeg").json()["results"][0]["prediction"]
    other = post(client, KINDS["jpeg"]).json()["results"][0]["prediction"]
    assert {**one, "path": ""} == {**other, "path": ""}


def test_several_pictures_keep_their_order_and_a_broken_one_is_told_beside_the_others(client):
    names = ["b.png", "a <i>.png", "b.png"]
    response = post(client, encoded(1), b"no picture", encoded(2), names=names)
    results = response.json()["results"]
    assert response.status_code == 200
    assert [one["prediction"]["path"] for one in results] == names
    assert [one["prediction"]["verdict"] is None for one in results] == [False, True, False]
    assert results[1]["problem"]["code"] == "not_an_image"
    assert results[0]["problem"] is None


def gif_bytes():
    return encoded(1, image_format="GIF")


def eps():
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"


@pytest.mark.parametrize(
    ("status", "code", "content"),
    [
        (415, "not_an_image", b"no picture"),
        (415, "not_an_image", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
        (415, "unsupported_format", eps()),
        (413, "file_too_large", b"\x89PNG" + b"x" * 2_000_000),
        (422, "too_many_pixels", encoded(1, (1001, 1000), "PNG", mode="1")),
        (422, "truncated_image", KINDS["broken"]),
        (422, "undecodable_image", KINDS["damaged"]),
    ],
)
def test_a_single_picture_that_cannot_be_used_answers_with_its_problem(
    client, status, code, content
):
    for response in (post(client, content), raw(client, content)):
        assert (response.status_code, problem(response)) == (status, code)


def test_an_empty_file_is_told_from_a_request_without_one(client):
    assert problem(post(client, b"")) == "empty_file"
    assert problem(raw(client, b"")) == "no_picture"
    assert problem(client.post("/v1/predict")) == "unsupported_body"
    assert problem(client.post("/v1/predict", json={"url": "http://127.0.0.1/x.png"})) == (
        "unsupported_body"
    )


@pytest.mark.parametrize(
    "options", [{"policy": "none"}, {"policy": "fpr-1%"}, {"stability": "x"}, {"explanation": "x"}]
)
def test_an_option_that_is_not_valid_is_named(client, options):
    response = post(client, encoded(1), **options)
    assert (response.status_code, problem(response)) == (422, "invalid_option")


def test_addresses_and_methods_that_do_not_exist_are_problems_too(client):
    assert problem(client.get("/nothing/here")) == "not_found"
    response = client.get("/v1/predict")
    assert problem(response) == "method_not_allowed"
    assert response.headers["allow"] == "POST"


def noise(tint):
    """Fine noise, which mild changes soften, over a colour that moves the score."""
    rng = np.random.default_rng(tint)
    pixels = rng.integers(0, 256, (33, 41, 3), dtype=np.uint8)
    pixels[..., 0] = tint
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_stability_tells_every_change_and_a_flip_makes_it_unsure(client):
    flipped = 0
    for tint in range(0, 256, 8):
        result = post(client, noise(tint), stability=True).json()["results"][0]
        stability, prediction = result["stability"], result["prediction"]
        fake = prediction["score"] >= prediction["threshold"]
        flips = [c for c, s in stability["scores"].items() if (s >= 0.6) != fake]
        assert len(stability["scores"]) == 4
        assert stability["flips"] == prediction["flips"] == flips
        changes = [abs(score - prediction["score"]) for score in stability["scores"].values()]
        assert stability["largest_change"] == pytest.approx(max(changes))
        if flips:
            flipped += 1
            assert prediction["verdict"] == "unsure"
    assert flipped > 0
    assert post(client, encoded(1)).json()["results"][0]["stability"] is None


def test_the_map_is_that_of_the_model_as_numbers_or_as_a_picture(client):
    numbers = post(client, encoded(1), explanation="numbers").json()["results"][0]["explanation"]
    assert (len(numbers["values"]), len(numbers["values"][0])) == (16, 16)
    flat = [value for row in numbers["values"] for value in row]
    assert (min(flat) >= 0, max(flat)) == (True, 1)
    prediction = post(client, encoded(1)).json()["results"][0]["prediction"]
    assert numbers["side"] == ("fake" if prediction["score"] >= 0.6 else "real")
    drawn = post(client, encoded(1), explanation="png").json()["results"][0]["explanation"]
    assert drawn["image"].startswith("data:image/png;base64,iVBOR")
    assert drawn["values"] is None
    assert post(client, encoded(1)).json()["results"][0]["explanation"] is None


def test_a_model_without_a_map_says_so(tmp_path):
    scorer = OnnxScorer(tiny_model(tmp_path / "plain.onnx", cam=False))
    with running(scorer) as client:
        explanation = post(client, encoded(1), explanation="png").json()["results"][0][
            "explanation"
        ]
    assert explanation["image"] is None
    assert "no class-activation map" in explanation["note"]


def test_the_card_health_and_counters_can_be_read(client):
    assert ModelCard.model_validate(client.get("/v1/model").json()) == CARD
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
    post(client, encoded(1))
    post(client, b"no picture")
    text = client.get("/metrics").text
    assert 'fauxto_requests_total{route="/v1/predict",status="200"}' in text
    assert 'fauxto_problems_total{code="not_an_image"}' in text
    assert 'fauxto_verdicts_total{verdict="error"}' in text
    assert "fauxto_upload_bytes 0.0" in text
    assert "process_resident_memory_bytes" in text


def test_every_answer_carries_the_security_headers(client):
    for response in (client.get("/"), client.get("/healthz"), client.get("/x"), raw(client, b"")):
        headers = response.headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_keys_are_asked_for_everywhere_but_by_health_checks(scorer):
    with running(scorer, keys={"desk": hash_key("right")}) as client:
        for path in (
            "/",
            "/v1/model",
            "/metrics",
            "/reports/",
            "/openapi.json",
            "/static/serve.js",
        ):
            response = client.get(path)
            assert problem(response) == "key_needed"
            assert response.headers["www-authenticate"].startswith("Basic ")
        assert problem(post(client, encoded(1))) == "key_needed"
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        client.headers["authorization"] = "Bearer right"
        assert post(client, encoded(1)).status_code == 200
        client.headers["authorization"] = "Bearer wrong"
        assert problem(post(client, encoded(1))) == "key_needed"


def test_a_client_that_sends_too_much_waits(scorer):
    with running(scorer, rate_per_minute=5) as client:
        assert post(client, *[encoded(1)] * 4).status_code == 200
        assert post(client, encoded(1)).status_code == 200
        response = post(client, encoded(1))
        assert problem(response) == "too_many_requests"
        assert 1 <= int(response.headers["retry-after"]) <= 12
        assert client.get("/healthz").status_code == 200


def test_other_names_and_other_sites_are_refused(scorer):
    with running(scorer, hosts=("127.0.0.1", "[::1]")) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/how", headers={"host": "[::1]:8000"}).status_code == 200
        assert client.get("/healthz", headers={"host": "other"}).status_code == 200
        for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1].evil"):
            assert problem(client.get("/reports/", headers={"host": host})) == "wrong_host"
        headers = {"sec-fetch-site": "cross-site", "content-type": "image/png"}
        response = client.post("/v1/predict", content=encoded(1), headers=headers)
        assert problem(response) == "cross_site"


def test_no_upload_touches_the_disk_and_no_address_is_opened(client, monkeypatch):
    import sys

    seen = []

    def audit(event, arguments):
        if not watching.is_set():
            return
        if event == "open" and isinstance(arguments[2], int):
            if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                seen.append(arguments[0])
        elif event in ("socket.connect", "urllib.Request", "tempfile.mkstemp", "os.mkdir"):
            seen.append(event)

    watching = threading.Event()
    sys.addaudithook(audit)
    watching.set()
    try:
        content = encoded(1, (700, 700), "PNG", compress_level=0)
        assert len(content) > 1_400_000
        assert post(client, content).status_code == 200
        assert raw(client, content).status_code == 200
        client.post("/look", files=[("file", ("n.png", content))])
    finally:
        watching.clear()
    assert seen == []


def test_logs_hold_neither_file_names_nor_content(client, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "holiday-with-anna"
    post(client, encoded(1), names=[f"{secret}.png"])
    post(client, b"no picture " + secret.encode(), names=[f"{secret}.txt"])
    client.get(f"/{secret}")
    client.get(f"/reports/{secret}.html")
    client.get("/v1/predict", params={"name": secret})
    ours = [r for r in caplog.records if r.name.startswith(("fauxto", "uvicorn"))]
    assert len(ours) >= 5
    assert not [r for r in ours if secret in r.getMessage() or secret in str(r.__dict__)]


def test_a_full_server_says_so_at_once_and_the_others_finish(scorer):
    limits = ServeLimits(**{**LIMITS.__dict__, "max_requests": 2, "max_pictures": 3})
    with running(scorer, limits=limits) as client:
        assert problem(post(client, *[encoded(1)] * 4)) == "busy"
        with ThreadPoolExecutor(16) as pool:
            content = encoded(1, (900, 900), "PNG")
            responses = list(pool.map(lambda _: raw(client, content), range(64)))
        statuses = {response.status_code for response in responses}
        assert statuses == {200, 503}
        for response in responses:
            if response.status_code == 503:
                assert problem(response) == "busy"
                assert response.headers["retry-after"] == "1"
        assert raw(client, content).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(model_path):
    scorer = OnnxScorer(model_path)
    limits = ServeLimits(answer_timeout_s=0.2)
    with running(scorer, limits=limits) as client:
        answer = scorer.logits
        scorer.logits = lambda inputs: (time.sleep(0.6), answer(inputs))[1]
        assert problem(post(client, encoded(1))) == "busy"
        scorer.logits = answer
        time.sleep(0.6)
        assert post(client, encoded(1)).status_code == 200


def test_a_failing_model_is_a_problem_without_its_trace(model_path):
    scorer = OnnxScorer(model_path)
    with running(scorer) as client:
        scorer.logits = lambda inputs: 1 / 0
        response = post(client, encoded(1))
        assert (response.status_code, problem(response)) == (500, "internal_error")
        assert "division" not in response.text
        del scorer.logits
        assert post(client, encoded(1)).status_code == 200


def test_an_animation_of_many_frames_costs_one(client):
    buffer = io.BytesIO()
    frames = [picture(i, (8, 8)).convert("P") for i in range(2)] * 500
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    result = raw(client, buffer.getvalue(), "image/gif").json()["results"][0]
    assert result["prediction"]["score"] is not None
