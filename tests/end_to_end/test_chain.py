import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

CONFIG = """
title = "Toy"
data = "toy"
[prepare]
size_px = 64
val = 0.25
[[train]]
name = "tiny-a"
recipe = "tiny.toml"
[[train]]
name = "tiny-b"
recipe = "tiny.toml"
set = ["train.lr=3e-3"]
[explain]
sample = 2
"""
RECIPE = """
[model]
name = "test_resnet"
weights = "none"
[train]
batch_size = 8
lr = 1e-3
max_epochs = 2
"""


def fauxto(*arguments, check=True, **options):
    result = subprocess.run(
        [sys.executable, "-m", "fauxto", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert "Traceback" not in result.stderr, result.stderr
    if check:
        assert result.returncode == 0, result.stderr
    return result


@pytest.fixture
def config(toy_folder) -> Path:
    path = toy_folder.parent / "chain.toml"
    path.write_text(CONFIG)
    (toy_folder.parent / "tiny.toml").write_text(RECIPE)
    return path


def metrics_of(report: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(report.glob("runs/*/evaluation/*/metrics.json"))]


def test_the_chain_ends_in_a_report_and_its_parts_work_alone(config, tmp_path):
    report = tmp_path / "report"
    result = fauxto("run", config, "--out", report, "--quiet", "--device", "cpu")
    assert "tiny-a" in result.stdout
    assert "tiny-b" in result.stdout
    page = (report / "index.html").read_text("utf-8")
    assert "train/real/cut.jpg" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert len(metrics_of(report)) == 4

    picture = tmp_path / "toy/test/fake/000.jpg"
    run = report / "runs/tiny-a"
    lines = fauxto("predict", picture, "--model", run, "--json", "--quiet").stdout.splitlines()
    (said,) = map(json.loads, lines)
    assert Path(said["path"]) == picture
    assert 0 <= said["score"] <= 1

    onnx = tmp_path / "model.onnx"
    fauxto("export", run, "--out", onnx)
    exported = json.loads(fauxto("predict", picture, "--model", onnx, "--json", "-q").stdout)
    assert exported["score"] == pytest.approx(said["score"], abs=1e-4)
    assert exported["preprocess_hash"] == said["preprocess_hash"]

    again = fauxto("evaluate", run, "--data", report / "dataset", "--json")
    assert json.loads(again.stdout) == json.loads(
        (run / "evaluation/test/metrics.json").read_text()
    )
    assert "was finished before" in again.stderr


@pytest.mark.parametrize(
    "landmarks",
    [
        ("dataset", "runs/tiny-b"),
        pytest.param(
            ("audit", "dataset", "runs/tiny-a", "runs/tiny-b", "explanations"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_chain_killed_at_any_stage_finishes_with_the_same_numbers(config, tmp_path, landmarks):
    straight = tmp_path / "straight"
    fauxto("run", config, "--out", straight, "--quiet", "--device", "cpu")
    broken = tmp_path / "broken"
    command = [sys.executable, "-m", "fauxto", "run", config, "--out", broken, "--quiet"]
    for landmark in landmarks:
        process = subprocess.Popen([*map(str, command), "--device", "cpu"], start_new_session=True)
        while not (broken / landmark).exists() and process.poll() is None:
            time.sleep(0.005)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() in (-signal.SIGKILL, 0)
    fauxto("run", config, "--out", broken, "--quiet", "--device", "cpu")
    assert metrics_of(broken) == metrics_of(straight)
    assert len(metrics_of(broken)) == 4
    for name in ("table.md", "table.csv", "comparison.json"):
        assert (broken / "comparison" / name).read_bytes() == (
            straight / "comparison" / name
        ).read_bytes()
    history = "runs/tiny-a/history.csv"
    assert (broken / history).read_bytes() == (straight / history).read_bytes()
