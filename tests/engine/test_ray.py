"""Ray does what is done here, also when workers, nodes and drivers are lost: mostly slow."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import polars as pl
import pytest

from fauxto.core.artifacts import FolderState
from fauxto.core.choices import EngineName
from fauxto.core.progress import silent
from fauxto.data.stored import StoredImage
from fauxto.data.table import read_frame
from fauxto.engine.part import Engine, PartWork
from fauxto.engine.parts import run_parts
from fauxto.engine.plan import list_images, open_plan

pytestmark = pytest.mark.filterwarnings("ignore")
HERE = str(Path(__file__).parent)
ENV = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "PYTHONPATH": os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]),
}
NAMES = [
    f"picture {n:03d}{' die' if n == 37 else ' bad' if n % 20 == 0 else ''}" for n in range(200)
]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def cluster(importable):
    """Start a cluster on this machine, and end it."""
    ray = pytest.importorskip("ray")
    ray.init(
        num_cpus=2, object_store_memory=100 << 20, include_dashboard=False, log_to_driver=False
    )
    yield ray
    ray.shutdown()


def plan_work(folder, names=NAMES, plan_class=None):
    import rows_for_workers

    plan = open_plan(str(folder), "measure", {}, part_rows=10)
    plan = list_images(plan, (StoredImage(name, name) for name in names))
    if plan_class is not None:
        plan = plan_class(**{field.name: getattr(plan, field.name) for field in fields(plan)})
    return PartWork(
        plan, rows_for_workers.measure, rows_for_workers.lose, rows_for_workers.SCHEMA, 20.0
    )


def rows(folder):
    return pl.concat([read_frame(str(path)) for path in sorted(Path(folder).glob("part-*"))])


def expect(tmp_path):
    run_parts(plan_work(tmp_path / "local"), Engine(workers=2), silent)
    return rows(tmp_path / "local")


def test_rows_on_ray_are_those_made_here(tmp_path, cluster):
    plan = run_parts(plan_work(tmp_path / "ray", NAMES[:30]), Engine(EngineName.RAY, 2), silent)
    run_parts(plan_work(tmp_path / "local", NAMES[:30]), Engine(workers=2), silent)
    assert rows(tmp_path / "ray").equals(rows(tmp_path / "local"))
    assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (30, 28, 2)


@pytest.mark.slow
def test_rows_are_those_made_here_whatever_is_lost(tmp_path, cluster):
    expected = expect(tmp_path)
    assert expected["path"].to_list() == NAMES
    assert expected["error"].drop_nulls().len() == 11
    for workers in (1, 2):
        plan = run_parts(
            plan_work(tmp_path / f"{workers}"), Engine(EngineName.RAY, workers), silent
        )
        assert rows(tmp_path / f"{workers}").equals(expected)
        assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (200, 189, 11)

    killed = []

    def kill_at(stage, done, total, note=""):
        if done >= 30 and not killed:
            found = subprocess.run(
                ["pgrep", "-P", str(raylet()), "-f", "ray::.*MapBatches"],
                capture_output=True, text=True, check=False,
            ).stdout.split()  # fmt: skip
            for pid in map(int, found[:1]):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    def raylet():
        command = ["pgrep", "-P", str(os.getpid()), "-x", "raylet"]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    run_parts(plan_work(tmp_path / "killed"), Engine(EngineName.RAY, 2), kill_at)
    assert killed
    assert rows(tmp_path / "killed").equals(expected)


@pytest.fixture
def full_disk(tmp_path, monkeypatch):
    """Return a folder on a disk of its own that has no room left."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        with pytest.raises(OSError, match="No space left"), (folder / "fill").open("wb") as stream:
            stream.write(bytes(1 << 20))
        monkeypatch.setenv("FULL_DISK", str(folder))
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
def test_a_full_disk_on_one_worker_is_the_work_of_the_others(tmp_path, full_disk, cluster):
    import rows_for_workers

    work = plan_work(tmp_path / "out", plan_class=rows_for_workers.OneDiskFull)
    plan = run_parts(work, Engine(EngineName.RAY, 2), silent)
    failed = (tmp_path / "out" / ".failed").read_text().split()
    assert 1 <= len(failed) < 10  # it waits, so that the other takes most of the 20 parts
    assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (200, 189, 11)
    assert rows(tmp_path / "out").equals(expect(tmp_path))


DRIVER = """
import sys
sys.path.insert(0, sys.argv[2])
import test_ray
from fauxto.core.choices import EngineName
from fauxto.core.progress import silent
from fauxto.engine.part import Engine
from fauxto.engine.parts import run_parts
run_parts(test_ray.plan_work(sys.argv[1]), Engine(EngineName.RAY, 2), silent)
"""


@pytest.mark.slow
def test_a_killed_driver_is_completed_by_the_next_call(tmp_path):
    out = tmp_path / "out"
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(out), HERE])
    while not (out / "part-000001.parquet").exists():
        assert driver.poll() is None
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    time.sleep(3)  # its cluster ends with it
    done = len(list(out.glob("part-*")))
    assert 2 <= done < 20
    again = plan_work(out)
    assert again.plan.state is FolderState.RESUMED
    run_parts(again, Engine(workers=2), silent)
    assert rows(out).equals(expect(tmp_path))


NODES = """
import sys, threading, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from ray.cluster_utils import Cluster
import ray, test_ray
from fauxto.core.choices import EngineName
from fauxto.engine.part import Engine
from fauxto.engine.parts import run_parts
small = {"object_store_memory": 80 << 20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **small})
lost = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
ray.init(address=cluster.address, log_to_driver=False)
gone = []
def lose(stage, done, total, note=""):
    if done >= 20 and not gone:
        gone.append(1)
        cluster.remove_node(lost, allow_graceful=False)
plan = run_parts(test_ray.plan_work(sys.argv[1]), Engine(EngineName.RAY, 2), lose)
print("lost", len(gone), "nodes,", plan.sums.rows, "rows", flush=True)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
def test_a_lost_node_loses_no_row(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", NODES, str(tmp_path / "out"), HERE]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert "lost 1 nodes, 200 rows" in ended.stdout, ended.stderr[-2000:]
    assert rows(tmp_path / "out").equals(expect(tmp_path))


@pytest.mark.slow
def test_tables_from_a_bucket_on_ray_are_those_made_here(tmp_path, s3, cluster):
    import rows_for_workers

    digests = set()
    for engine, part_rows in (
        (Engine(workers=1), 64),
        (Engine(workers=2), 10),
        (Engine(EngineName.RAY, 1), 33),
        (Engine(EngineName.RAY, 2), 7),
    ):
        plan = open_plan(f"{s3}/{engine.name}{part_rows}", "measure", {}, part_rows=part_rows)
        images = (StoredImage(name, name) for name in NAMES)
        work = PartWork(
            list_images(plan, images),
            rows_for_workers.measure, rows_for_workers.lose, rows_for_workers.SCHEMA, 20.0,
        )  # fmt: skip
        done = run_parts(work, engine, silent)
        table = pl.concat([read_frame(part) for part in done.parts()])
        digests.add(hashlib.sha256(table.write_ndjson().encode()).hexdigest())
        assert done.sums.rows == 200
    assert len(digests) == 1
