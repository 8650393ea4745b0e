import os
import subprocess
import sys

import polars as pl
import pytest
import torch
from lightning_fabric import Fabric

from fauxto.core.artifacts import file_digest
from fauxto.core.errors import RecipeError
from fauxto.core.recipe import TrainRecipe, load_recipe
from fauxto.models.build import build_network, find_spec, synchronise_batch_norm
from fauxto.train.devices import open_fabric, shard_of
from fauxto.train.run import train

TOLERANCE = 1e-4
"""On losses near 1: sums of 32-bit numbers in another order."""

# ConvNeXt has no batch norm, whose statistics are each process's own on a CPU.
RECIPE = ("model.name=convnext_atto", "model.weights=none", "train.batch_size=5",
          "train.lr=1e-3", "train.max_epochs=3", "train.class_weights=true",
          "train.label_smoothing=0.1", "train.clip_norm=1.0", "train.ema_decay=0.9",
          "augment.reencode=0.5")  # fmt: skip


def train_in_two_processes(dataset, out, *overrides):
    call = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "fauxto", "train", dataset, "--out", out, "--device", "cpu", "--json",
    ]  # fmt: skip
    for override in (*RECIPE, *overrides):
        call += ["--set", override]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(call, env=environment, capture_output=True, text=True, check=False)


def assert_close(found, expected):
    for column in ("train_loss", "val_loss"):
        assert found[column].to_list() == pytest.approx(expected[column].to_list(), abs=TOLERANCE)
    for column in ("epoch", "lr", "train_accuracy", "val_accuracy"):
        assert found[column].to_list() == expected[column].to_list()


@pytest.mark.slow
@pytest.mark.parametrize("option", ["train.accumulate=1", "train.accumulate=2",
                                    "train.freeze_epochs=1"])  # fmt: skip
def test_two_processes_give_the_validation_metrics_of_one(dataset, tmp_path, option):
    one = train(dataset, recipe=load_recipe("lite", [*RECIPE, option]), out=tmp_path / "one")
    done = train_in_two_processes(dataset, tmp_path / "two", option)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1  # rank 0 alone speaks
    expected, found = (pl.read_csv(out / "history.csv") for out in (one.out, tmp_path / "two"))
    assert_close(found, expected)
    scored = pl.read_parquet(tmp_path / "two" / "validation.parquet")
    alone = pl.read_parquet(one.out / "validation.parquet")
    assert scored["path"].to_list() == alone["path"].to_list()
    for column in ("logit_real", "logit_fake"):
        assert scored[column].to_list() == pytest.approx(alone[column].to_list(), abs=TOLERANCE)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted(
        path.name for path in one.out.iterdir()
    )


@pytest.mark.slow
def test_two_processes_give_the_same_bits_twice_and_are_not_repeated(dataset, tmp_path):
    for name in ("a", "b"):
        assert train_in_two_processes(dataset, tmp_path / name).returncode == 0
    digests = {file_digest(tmp_path / name / "weights.safetensors") for name in ("a", "b")}
    assert len(digests) == 1
    again = train_in_two_processes(dataset, tmp_path / "a")
    assert again.returncode == 0
    assert "was finished before" in again.stderr


def test_a_process_alone_takes_all_of_every_batch():
    fabric = open_fabric("cpu", TrainRecipe())
    assert (shard_of(fabric).rank, shard_of(fabric).world) == (0, 1)
    assert isinstance(fabric, Fabric)


def test_processes_that_share_one_device_are_refused(monkeypatch):
    monkeypatch.setattr("fauxto.train.devices._count_processes", lambda: (1, 2))
    monkeypatch.setattr("fauxto.train.devices.choose_device", lambda _name: torch.device("cuda:1"))
    with pytest.raises(RecipeError, match=r"2 processes.*'cuda:1'.*--device cuda "):
        open_fabric("cuda:1", TrainRecipe())


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}, (2, 4)),
        ({"SLURM_NTASKS": "6", "SLURM_NNODES": "3", "SLURM_JOB_NAME": "fauxto"}, (3, 2)),
        ({}, (1, 1)),
    ],
)
def test_machines_and_processes_are_read_from_what_started_them(monkeypatch, variables, expected):
    from fauxto.train.devices import _count_processes

    for name in ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _count_processes() == expected


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
def test_synchronised_batch_norm_keeps_names_weights_and_outputs(name):
    module = build_network(find_spec(name), size_px=32).eval()
    inputs = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = module(inputs)
        state = list(module.state_dict())
        synchronised = synchronise_batch_norm(module)
        torch.testing.assert_close(synchronised(inputs), expected)
    assert list(synchronised.state_dict()) == state
    assert any(isinstance(part, torch.nn.SyncBatchNorm) for part in synchronised.modules())
