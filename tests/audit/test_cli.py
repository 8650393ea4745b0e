import json
import shlex

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fauxto.cli.app import app
from fauxto.core import storage
from fauxto.core.errors import DataError


@pytest.fixture
def folders(tmp_path):
    """Folders whose names say nothing, with one picture in both."""
    rng = np.random.default_rng(2)
    for name in ("shots", "renders"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
            coarse.resize((48, 40)).save(tmp_path / "data" / name / f"{number}.png")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["audit", *map(str, arguments)], catch_exceptions=False)


def name_folders(root, real="shots", fake="renders"):
    return ("--real", root / "data" / real, "--fake", root / "data" / fake)


def test_folders_are_named_by_flags(folders):
    done = run(folders / "data", "--out", folders / "a", "--json", *name_folders(folders))
    assert done.exit_code == 0
    assert json.loads(done.stdout)["images"] == 6
    listed = json.loads((folders / "a" / "statistics.json").read_text("utf-8"))["classes"]
    assert [(row["label"], row["files"]) for row in listed] == [("real", 3), ("fake", 3)]


def test_strict_exits_with_3_on_a_blocking_finding_and_writes_the_report(folders):
    data = folders / "data"
    quiet = run(data, "--out", folders / "a", "--strict", "--quiet", *name_folders(folders))
    assert quiet.exit_code == 0
    (data / "renders" / "copy.png").write_bytes((data / "shots" / "0.png").read_bytes())
    loud = run(data, "--out", folders / "b", "--strict", "--quiet", *name_folders(folders))
    assert loud.exit_code == 3
    assert "labelled both real and fake" in (folders / "b" / "index.html").read_text("utf-8")
    assert run(data, "--out", folders / "c", "--quiet", *name_folders(folders)).exit_code == 0


def test_the_folder_may_be_in_a_bucket_and_the_same_call_again_says_so(folders, s3):
    out = f"{s3}/AUDIT"
    done = run(folders / "data", "--out", out, "--json", *name_folders(folders))
    assert json.loads(done.stdout)["out"] == out
    assert storage.exists(f"{out}/index.html")
    told = run(folders / "data", "--out", f"{out}2", *name_folders(folders))
    assert f"report: {out}2/index.html" in told.stderr
    reused = run(folders / "data", "--out", out, "--json", *name_folders(folders))
    assert f"{out} was finished before" in reused.stderr
    assert reused.stdout == done.stdout
    again = run(folders / "data", "--out", out, "--overwrite", "--json", *name_folders(folders))
    assert json.loads(again.stdout) == json.loads(done.stdout)


def test_files_of_which_none_is_a_picture_end_in_an_error_after_the_report(tmp_path):
    for label in ("real", "fake"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "a.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"none of the 2 files in .*data is a usable picture"):
        run(tmp_path / "data", "--out", tmp_path / "a", "--quiet")
    assert (tmp_path / "a" / "index.html").is_file()


def test_what_comes_next_is_one_line_for_the_shell(folders):
    data = folders / "Bilder & mehr"
    (folders / "data").rename(data)
    (data / "shots").rename(data / "real")
    (data / "renders").rename(data / "fake")
    told = run(data, "--out", folders / "a").stderr
    (line,) = [line for line in told.splitlines() if line.startswith("next:")]
    words = shlex.split(line)
    assert words[1:4] == ["fauxto", "prepare", str(data)]
    assert words[-4:] == ["--split", "grouped", "--out", "DATASET"]  # there is no split to keep
