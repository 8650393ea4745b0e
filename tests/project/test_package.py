"""The wheel holds everything that the package needs, and works without the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, ROOT]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "unpacked")
    return place / "unpacked"


@pytest.mark.slow
def test_every_file_of_the_package_is_in_the_wheel(unpacked):
    def files(root):
        found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        return {name for name in found if "__pycache__" not in name}

    assert files(unpacked / "fauxto") == files(ROOT / "src/fauxto")
    assert (unpacked / "fauxto/models/bundled/detector.onnx").stat().st_size > 1_000_000
    (metadata,) = unpacked.glob("*.dist-info/METADATA")
    assert "Provides-Extra: train" in metadata.read_text("utf-8")


@pytest.mark.slow
def test_the_unpacked_wheel_predicts_away_from_the_repository(unpacked, tmp_path):
    Image.effect_noise((80, 80), 60).convert("RGB").save(tmp_path / "photo.png")
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    code = "import fauxto, sys; print(fauxto.__file__, file=sys.stderr)"
    for command in (["-c", code], ["-m", "fauxto", "predict", "photo.png", "--json"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        if command[0] == "-c":
            assert str(unpacked) in done.stderr
    assert '"verdict"' in done.stdout
