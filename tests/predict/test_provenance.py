import io
import json

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fauxto.core.errors import RecipeError
from fauxto.core.provenance import Claim
from fauxto.predict.trust import read_trust_anchors
from fauxto.predict.writing import flatten


def png(**texts):
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (0, 0, 0)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


MADE = png(parameters="a cat\nSteps: 20, Sampler: Euler, Model: m")


def test_what_a_file_says_stands_beside_the_score_and_does_not_change_it(detector, tmp_path):
    (tmp_path / "a.png").write_bytes(MADE)
    said, silent = detector.predict(tmp_path / "a.png"), detector.predict(png())
    assert [one.claim for one in said.provenance.statements] == [Claim.AI]
    assert silent.provenance.statements == ()
    assert (said.score, said.verdict) == (silent.score, silent.verdict)


def test_a_picture_without_a_file_says_nothing_at_all(detector):
    assert detector.predict(np.zeros((20, 20, 3), np.uint8)).provenance is None
    assert detector.predict(Image.new("RGB", (20, 20))).provenance is None


def test_a_broken_picture_still_says_what_it_says(detector, tmp_path):
    broken = detector.predict(MADE[:-40])
    assert broken.error is not None
    assert broken.provenance.summary().startswith("record of Stable Diffusion WebUI")
    assert detector.predict(tmp_path / "gone.png").provenance is None


def test_json_carries_everything_and_tables_a_summary(detector):
    prediction = detector.predict(MADE)
    document = json.loads(prediction.model_dump_json())["provenance"]
    assert document["statements"][0]["details"]["Model"] == "m"
    assert "proves nothing" in document["caveat"]
    assert flatten(prediction)["provenance"] == (
        "record of Stable Diffusion WebUI, model 'm' (medium)"
    )
    assert flatten(detector.predict(png()))["provenance"] is None


def test_a_trust_list_must_hold_certificates(tmp_path):
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    bad.write_text("no certificate")
    assert read_trust_anchors(good).startswith("-----BEGIN")
    with pytest.raises(RecipeError, match="holds no certificate"):
        read_trust_anchors(bad)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_trust_anchors(tmp_path / "gone.pem")
