"""A data set in tar shards, on disk and in an object store, is the one in files to every verb."""

import os
import shutil
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from fauxto.audit.run import audit
from fauxto.cli.app import app
from fauxto.core.artifacts import PAGE, PREDICTIONS, file_digest
from fauxto.core.choices import HeldOutBy
from fauxto.core.errors import ArtifactError, DataError
from fauxto.core.labels import Split
from fauxto.core.recipe import PrepareOptions, load_recipe
from fauxto.data.prepared import open_dataset
from fauxto.evaluate.run import evaluate, evaluate_detector
from fauxto.explain.items import draw_items
from fauxto.explain.run import explain
from fauxto.pipeline.folds import withhold
from fauxto.prepare.run import prepare
from fauxto.train.run import train

SETTINGS = ("model.weights=none", "train.batch_size=8", "train.lr=1e-3", "train.max_epochs=2",
            "augment.reencode=0.5")  # fmt: skip


@pytest.fixture(scope="module")
def root(make_dataset, tmp_path_factory):
    """The same pictures, audited, and prepared in files and in shards."""
    root = tmp_path_factory.mktemp("both")
    made = make_dataset(root / "raw", counts=(30, 8, 20), generators=("noise", "sand"))
    data = root / "data"
    for split in Split:
        shutil.copytree(made / split, data / split)
    audit(data, out=root / "audit", workers=1)
    for name in ("files", "shards"):
        options = PrepareOptions(size_px=32, shards=name == "shards")
        prepare(data, audit=root / "audit", out=root / name, options=options, workers=1)
    return root


def run(dataset, out, *overrides):
    return train(dataset, recipe=load_recipe("lite", [*SETTINGS, *overrides]), out=out).out


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    return run(root / "files", tmp_path_factory.mktemp("run") / "run")


def test_training_on_shards_gives_the_same_bits_and_the_same_run(root, trained, tmp_path):
    from_shards = run(root / "shards", tmp_path / "run")
    for name in ("weights.safetensors", "validation.parquet"):
        assert file_digest(from_shards / name) == file_digest(trained / name)
    for column in ("train_loss", "val_loss", "val_accuracy"):
        one, other = (pl.read_csv(out / "history.csv") for out in (from_shards, trained))
        assert one[column].equals(other[column])
    again = train(root / "shards", recipe=load_recipe("lite", SETTINGS), out=trained)
    assert again.reused  # the data set is the same, whatever it lies in


def test_evaluating_on_shards_gives_the_same_tables_and_a_page_without_links(root, trained):
    tables = {}
    for form in ("files", "shards"):
        found = evaluate(trained, data=root / form, name=form, robustness=4, workers=1)
        tables[form] = (found.folder / PREDICTIONS).read_bytes(), found.metrics
        page = (found.folder / PAGE).read_text("utf-8")
        assert page.count('alt="fake image') > 0
        assert ('href="../../../' in page or '.png"><img' in page) == (form == "files")
    assert tables["files"] == tables["shards"]
    assert tables["files"][1].controls  # shortcut baselines read training pictures too


def test_explaining_draws_and_sees_the_same_pictures(root, trained, tmp_path):
    drawn = [draw_items(root / form, Split.TEST, 9, seed=3) for form in ("files", "shards")]
    assert [image.path for image in drawn[0]] == [image.path for image in drawn[1]]
    regions = []
    for form in ("files", "shards"):
        found = explain(
            [trained], data=root / form, out=tmp_path / form, sample=2, measured=6, tested=0
        )
        assert found.pictures == 2
        regions.append(pl.read_parquet(found.folder / "regions.parquet"))
    assert regions[0].equals(regions[1])
    with pytest.raises(DataError, match="they lie in shards"):
        evaluate_detector("math:sqrt", data=root / "shards", out=tmp_path / "detector")


def test_what_is_withheld_of_shards_stays_in_them(root, tmp_path):
    inputs = []
    for form in ("files", "shards"):
        base = open_dataset(root / form)
        withhold(base, tmp_path / form, HeldOutBy.GENERATOR, ["noise"])
        fold = open_dataset(tmp_path / form)
        assert not list((tmp_path / form).rglob("*.png"))
        inputs.append(fold.digest)
        assert len(fold.locate(fold.images["path"])) == fold.images.height
    assert inputs[0] == inputs[1]


def test_a_data_set_in_an_object_store_trains_the_same_network(root, trained, s3, put, tmp_path):
    address = put(root / "shards", "sets/d")
    call = ["train", address, "--out", str(tmp_path / "run"), "--device", "cpu", "-q"]
    for setting in SETTINGS:
        call += ["--set", setting]
    done = CliRunner().invoke(app, call, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert file_digest(tmp_path / "run/weights.safetensors") == file_digest(
        trained / "weights.safetensors"
    )
    found = evaluate(tmp_path / "run", data=address)
    here = evaluate(trained, data=root / "shards", name="here")
    assert found.metrics == here.metrics
    assert [image.path for image in draw_items(address, Split.TEST, 9, seed=3)] == [
        image.path for image in draw_items(root / "files", Split.TEST, 9, seed=3)
    ]


def test_a_shard_that_is_missing_in_the_store_is_named_before_training(root, s3, put, tmp_path):
    from fauxto.core import storage

    address = put(root / "shards", "sets/d")
    storage.remove(f"{address}/train/000000.tar")
    with pytest.raises(ArtifactError, match=r"sets/d/train/000000\.tar does not exist: copy it"):
        run(address, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_two_processes_read_shards_as_they_read_files(root, tmp_path):
    for form in ("files", "shards"):
        call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
                "2", "-m", "fauxto", "train", root / form, "--out", tmp_path / form, "--device",
                "cpu", "--set", "model.name=convnext_atto"]  # fmt: skip
        for setting in SETTINGS:
            call += ["--set", setting]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    digests = {file_digest(tmp_path / form / "weights.safetensors") for form in ("files", "shards")}
    assert len(digests) == 1
