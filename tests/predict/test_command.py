import csv
import io
import json
import os
import pathlib
import pty
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

WITHOUT = (
    "ray",
    "fsspec",
    "obstore",
    "pandas",
    "pyarrow",
    "polars",
    "scipy",
    "sklearn",
    "matplotlib",
    "jinja2",
    "threadpoolctl",
    "tomli_w",
    "torch",
)

LIGHT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {WITHOUT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from fauxto.cli.app import main
main()
"""


def fauxto(*arguments, light=False, **options):
    start = ["-c", LIGHT] if light else ["-m", "fauxto"]
    return subprocess.run(
        [sys.executable, *start, "predict", *map(str, arguments)],
        capture_output=True,
        check=False,
        **options,
    )


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, level in {"a.png": 10, "b.png": 250, "c.png": 120}.items():
        pixels = np.full((40, 40, 3), level, np.uint8)
        pixels[:20] -= 5  # something must be in a picture
        Image.fromarray(pixels).save(pictures / name)
    return pictures


def test_a_light_install_predicts_and_names_what_it_lacks(folder, model, tmp_path):
    found = fauxto(folder, "--model", model, "--stability", light=True)
    assert found.returncode == 0, found.stderr.decode()
    verdicts = [json.loads(line)["verdict"] for line in found.stdout.splitlines()]
    assert verdicts == ["real", "fake", "unsure"]
    refused = fauxto(folder, "--model", model, "--out", tmp_path / "o.parquet", light=True)
    assert refused.returncode == 1
    assert b"fauxto[audit]" in refused.stderr.splitlines()[-1]
    refused = fauxto(folder, "--model", model, "--out", tmp_path / "parts", light=True)
    assert refused.returncode == 1
    assert b"fauxto[audit]" in refused.stderr.splitlines()[-1]
    (tmp_path / "list.parquet").write_bytes(b"PAR1")
    refused = fauxto(tmp_path / "list.parquet", "--model", model, "-q", light=True)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert b"fauxto[audit]" in refused.stderr


def test_an_address_needs_a_folder_of_parts_to_be_read_into():
    refused = fauxto("s3://bucket/pictures/", "--csv")
    assert refused.returncode == 2
    assert b"--out" in refused.stderr


def test_an_ending_that_is_not_written_is_not_taken_for_a_folder(folder, model, tmp_path):
    refused = fauxto(folder, "--model", model, "--out", tmp_path / "answers.xlsx")
    assert refused.returncode == 2
    assert b".xlsx is not written" in refused.stderr
    assert not (tmp_path / "answers.xlsx").exists()


def test_what_may_not_be_entered_is_a_row_among_others(folder, model, monkeypatch):
    def refuse(path, *, follow_symlinks=True):
        raise PermissionError(13, "Permission denied", str(path))

    from fauxto.predict.inputs import expand_inputs

    locked = str(folder / "locked" / "x.jpg")
    monkeypatch.setattr(pathlib.Path, "stat", refuse)
    (one,) = expand_inputs([locked], io.BytesIO())
    assert one.name == locked


def test_the_sum_of_verdicts_is_said(folder, model, tmp_path):
    said = fauxto(folder, "--model", model, "--out", tmp_path / "o.jsonl").stderr.decode()
    assert "o.jsonl: 3 pictures: 1 fake, 1 real, 1 unsure" in said


def test_without_ray_its_extra_is_named(tmp_path, model, folder, monkeypatch):
    from fauxto.core.choices import EngineName
    from fauxto.core.errors import MissingExtra
    from fauxto.engine.part import Engine
    from fauxto.predict.in_parts import predict_in_parts

    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "fauxto.engine.ray_data", raising=False)
    monkeypatch.delattr("fauxto.engine.ray_data", raising=False)
    with pytest.raises(MissingExtra, match=r"fauxto\[ray\]"):
        predict_in_parts(
            [str(folder)], out=str(tmp_path / "o"), model=model, engine=Engine(EngineName.RAY, 1)
        )


def test_a_broken_image_is_a_row_and_the_exit_code_says_so_at_the_end(folder, model):
    (folder / "b2.jpg").write_bytes(b"no picture")
    found = fauxto(folder, "--model", model, "--csv")
    rows = list(csv.DictReader(io.StringIO(found.stdout.decode())))
    assert [row["verdict"] for row in rows] == ["real", "fake", "", "unsure"]
    assert rows[2]["error"].startswith("not_an_image: ")
    assert found.returncode == 1
    assert b"1 of 4 could not be read" in found.stderr


def test_a_fake_fails_the_gate_even_beside_a_broken_image(folder, model):
    (folder / "b2.jpg").write_bytes(b"no picture")
    assert fauxto(folder, "--model", model, "--fail-on", "fake").returncode == 3


def test_the_model_and_its_policy_are_said_once(folder, model):
    said = fauxto(folder / "a.png", "--model", model).stderr.decode()
    assert "brightness: fake above score 0.600, real below 0.450, unsure between" in said
    assert "(policy balanced, the model's own" in said
    assert "no threshold for fpr-5%" in said
    asked = fauxto(folder / "a.png", "--model", model, "--policy", "argmax").stderr.decode()
    assert "fake above score 0.550, real below 0.450, unsure between (policy argmax)" in asked


def test_standard_input_may_be_a_picture(folder, model):
    found = fauxto("-", "--model", model, "-q", input=(folder / "b.png").read_bytes())
    assert found.stderr == b""
    (row,) = map(json.loads, found.stdout.splitlines())
    assert (row["path"], row["verdict"]) == ("-", "fake")


def test_out_writes_a_file_and_nothing_on_stdout(folder, model, tmp_path):
    found = fauxto(folder, "--model", model, "--out", tmp_path / "o.csv")
    assert found.stdout == b""
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 4
    again = fauxto(folder, "--model", model, "--out", tmp_path / "o.csv")
    assert again.returncode == 1
    assert b"--overwrite" in again.stderr


def test_on_a_terminal_each_picture_is_a_line_with_its_notes(folder, model, tmp_path):
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[:4, :4, 3] = 255
    Image.fromarray(pixels).save(folder / "d.png")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fauxto", "predict", folder, "--model", model, "-q",
         "--explain", tmp_path / "maps"],
        stdout=theirs,
    )  # fmt: skip
    os.close(theirs)
    assert process.wait() == 0
    lines = os.read(ours, 65536).decode().splitlines()
    os.close(ours)
    assert lines[0].split() == ["verdict", "score", "path"]
    assert [line.split()[0] for line in lines[1:]] == ["real", "fake", "unsure", "fake"]
    assert "d.png  alpha laid over white" in lines[4]
    assert all(str(tmp_path / "maps") in line for line in lines[1:])
    assert len(list((tmp_path / "maps").glob("*.png"))) == 4


def test_without_a_model_of_its_own_it_says_how_to_get_one(folder, tmp_path):
    code = (
        "import sys, pathlib, fauxto.models.scorer as scorer\n"
        f"scorer.BUNDLED = pathlib.Path({str(tmp_path / 'gone.onnx')!r})\n"
        f"sys.argv = ['fauxto', 'predict', {str(folder)!r}]\n"
        "from fauxto.cli.app import main; main()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert found.returncode == 1
    assert b"no detector inside" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_every_other_command_names_the_extra_that_it_lacks(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "chain.toml").write_text("")
    commands = {
        "audit": ("data", "--out", "o"),
        "prepare": ("data", "--audit", "data", "--out", "o"),
        "evaluate": ("data", "--data", "data"),
        "compare": ("data", "--out", "o"),
        "explain": ("data", "--images", "data"),
        "train": ("data", "--recipe", "lite", "--out", "o"),
        "export": ("data", "--out", "o.onnx"),
        "run": ("chain.toml", "--out", "o"),
        "demo": ("--out", "o"),
    }
    code = LIGHT.replace("main()", "").replace("import main", "import main as call") + (
        f"for name, rest in {commands!r}.items():\n"
        "    sys.argv = ['fauxto', name, *rest]\n"
        "    try:\n        call()\n"
        "    except SystemExit as end:\n        print(name, end.code, file=sys.stderr)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    lines = found.stderr.splitlines()
    extras = {"train": "train", "export": "train", "run": "train", "demo": "demo"}
    assert lines[1::2] == [f"{name} 1" for name in commands]
    for name, line in zip(commands, lines[::2], strict=True):
        assert f"pip install 'fauxto[{extras.get(name, 'audit')}]'" in line, name
