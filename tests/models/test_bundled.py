import pytest

from fauxto.core.errors import ArtifactError
from fauxto.models import scorer

MOST_BYTES = 15_000_000


def test_the_bundled_detector_lies_inside_the_package():
    package = scorer.BUNDLED.parents[2]
    assert (package.name, (package / "py.typed").is_file()) == ("fauxto", True)
    assert scorer.BUNDLED.suffix == ".onnx"


def test_a_copy_without_detector_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(scorer, "BUNDLED", tmp_path / "detector.onnx")
    with pytest.raises(ArtifactError, match="--model"):
        scorer.bundled_detector()


@pytest.mark.skipif(not scorer.BUNDLED.is_file(), reason="this copy has no bundled detector yet")
def test_the_bundled_detector_is_small_explains_itself_and_says_nothing_of_its_maker():
    opened = scorer.open_scorer(scorer.bundled_detector())
    assert scorer.BUNDLED.stat().st_size <= MOST_BYTES
    assert opened.has_cam
    assert opened.card.operating_point("fpr-5%") is not None
    assert opened.card.unsure_band is not None
    assert opened.card.wall_time_s is None
    assert b"/home/" not in scorer.BUNDLED.read_bytes()
