import json
import subprocess
from pathlib import Path

import pytest

from fauxto.core.errors import ArtifactError, MissingExtra
from fauxto.core.speed import Runtime, read_speed
from fauxto.speed import run as verb
from fauxto.speed.with_onnx import measure_onnx
from fauxto.speed.with_torch import measure_torch


@pytest.fixture
def fresh_run(run_folder):
    yield run_folder
    (run_folder / "speed.json").unlink(missing_ok=True)


@pytest.fixture
def processes(monkeypatch):
    """Stand in for the measuring processes, and keep what each was asked."""
    timing = {
        "device": "cpu", "threads": 2, "latency_ms": 5.0, "latency_range_ms": [4.0, 6.0],
        "batch_size": 16, "images_per_s": 300.0, "memory_bytes": 1, "memory_batch_bytes": 2,
        "gpu_memory_bytes": None,
    }  # fmt: skip
    answers = {
        "fauxto.speed.with_torch": {
            "timing": {"runtime": "torch", **timing}, "gflops": 0.01, "has_gpu": False,
        },
        "fauxto.speed.with_onnx": {"runtime": "onnxruntime", **timing},
    }  # fmt: skip
    asked = []

    def run_python(module, *arguments):
        asked.append((module, arguments))
        if module == "fauxto":
            Path(arguments[3]).write_bytes(b"x" * 77)
        answer = answers.get(module)
        failed = isinstance(answer, str)
        return subprocess.CompletedProcess(
            [], int(failed), "" if failed else json.dumps(answer), answer if failed else ""
        )

    monkeypatch.setattr(verb, "_run_python", run_python)
    return answers, asked


def test_a_run_is_measured_in_processes_of_their_own_and_kept(fresh_run, processes):
    _, asked = processes
    result = verb.measure_speed(fresh_run, seconds=0.5, batch_size=8, threads=2)
    modules = [module for module, _ in asked]
    assert modules == ["fauxto.speed.with_torch", "fauxto", "fauxto.speed.with_onnx"]
    task = json.loads(asked[0][1][0])
    assert (task["seconds"], task["batch_size"], task["threads"]) == (0.5, 8, 2)
    assert asked[1][1][:2] == ("export", str(fresh_run))
    assert json.loads(asked[2][1][0])["model"].endswith("model.onnx")
    speed = read_speed(fresh_run)
    assert speed == result.speed
    assert speed.onnx_bytes == 77
    assert [timing.runtime for timing in speed.timings] == [Runtime.TORCH, Runtime.ONNX]
    assert (speed.run, speed.size_px, speed.parameters) == ("tiny", 32, 3_373_570)
    assert speed.timing(Runtime.TORCH, "H100") is None


def test_a_gpu_is_measured_where_there_is_one(fresh_run, processes):
    answers, asked = processes
    answers["fauxto.speed.with_torch"]["has_gpu"] = True
    result = verb.measure_speed(fresh_run)
    devices = [json.loads(arguments[0]).get("device") for module, arguments in asked
               if module.endswith("with_torch")]  # fmt: skip
    assert devices == ["cpu", "cuda"]
    assert len(result.speed.timings) == 3


def test_what_was_measured_is_kept_until_it_is_asked_again(fresh_run, processes):
    _, asked = processes
    verb.measure_speed(fresh_run)
    assert verb.measure_speed(fresh_run).reused
    assert len(asked) == 3
    assert not verb.measure_speed(fresh_run, overwrite=True).reused
    assert len(asked) == 6


def test_a_failed_export_leaves_the_rest_and_its_reason(fresh_run, processes):
    answers, _ = processes
    answers["fauxto"] = "warning\nerror: not written: its scores differ\n"
    speed = verb.measure_speed(fresh_run).speed
    assert speed.onnx_note == "error: not written: its scores differ"
    assert (speed.onnx_bytes, speed.timing(Runtime.ONNX)) == (None, None)


@pytest.mark.parametrize(
    ("stderr", "reason"), [("Traceback\nMemoryError\n", "MemoryError"), ("", "want of memory")]
)
def test_a_measuring_process_that_dies_is_an_error(fresh_run, processes, stderr, reason):
    answers, _ = processes
    answers["fauxto.speed.with_torch"] = stderr
    with pytest.raises(ArtifactError, match=reason):
        verb.measure_speed(fresh_run)
    assert read_speed(fresh_run) is None


def test_what_is_no_run_is_refused_at_once(tmp_path, processes):
    with pytest.raises(ArtifactError, match="not a folder written by 'fauxto train'"):
        verb.measure_speed(tmp_path)


def test_without_torch_the_extra_is_named(fresh_run, monkeypatch):
    monkeypatch.setattr(verb, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="train"):
        verb.measure_speed(fresh_run)


def test_torch_costs_are_of_this_network(run_folder):
    task = verb.Task(model=run_folder, seconds=0.0, batch_size=2, threads=1)
    cost = measure_torch(task)
    assert (cost.timing.runtime, cost.timing.device, cost.timing.batch_size) == ("torch", "cpu", 2)
    # 0.384 at 224 px; convolutions cost by area, (32 / 224)² of it, rounded up at odd sizes.
    assert cost.gflops == pytest.approx(0.384 * (32 / 224) ** 2, rel=0.1)


def test_an_onnx_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no model")
    task = verb.Task(model=tmp_path / "x.onnx", seconds=0.0, batch_size=1, threads=1)
    with pytest.raises(ArtifactError, match="cannot be opened as an ONNX model"):
        measure_onnx(task)


@pytest.mark.slow
def test_a_real_run_is_measured_with_both_runtimes(fresh_run):
    speed = verb.measure_speed(fresh_run, seconds=0.05, batch_size=2, threads=1).speed
    assert [str(timing.runtime) for timing in speed.timings if timing.device == "cpu"] == [
        "torch", "onnxruntime",
    ]  # fmt: skip
    assert speed.onnx_note is None
    assert speed.onnx_bytes == pytest.approx(4 * speed.parameters, rel=0.15)
    torch_timing, onnx_timing = speed.timing(Runtime.TORCH), speed.timing(Runtime.ONNX)
    # A process with torch in it holds a lot more than one without.
    assert torch_timing.memory_bytes > 1.5 * onnx_timing.memory_bytes
