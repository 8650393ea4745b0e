import errno
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import safetensors.torch
import timm
import torch
import torchvision

from fauxto.core.artifacts import STAMP, VALIDATION, file_digest
from fauxto.core.errors import (
    ArtifactError,
    DataError,
    FauxtoError,
    OtherResult,
    RecipeError,
    WeightsError,
)
from fauxto.core.recipe import load_recipe
from fauxto.data.table import PREDICTION_SCHEMA
from fauxto.metrics.calibration import fake_score
from fauxto.models.checkpoint import load_run
from fauxto.models.scorer import open_scorer
from fauxto.train.run import train

TINY = ("model.weights=none", "train.batch_size=4", "train.lr=1e-3", "train.max_epochs=3")


def tiny(*overrides, recipe="lite"):
    return load_recipe(recipe, [*TINY, *overrides])


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    return train(dataset, recipe=tiny(), out=tmp_path_factory.mktemp("runs") / "lite").out


def result_of(folder):
    """Return everything that must be equal in equal runs, as digests by file name."""
    names = ("weights.safetensors", "history.csv", "validation.parquet", "recipe.toml")
    return {name: file_digest(folder / name) for name in names}


def test_run_folder_holds_the_declared_files_and_no_checkpoints(run):
    assert sorted(path.name for path in run.iterdir()) == sorted(
        [
            "recipe.toml", "weights.safetensors", "card.json", "history.csv", "curves.svg",
            "config.json", VALIDATION, STAMP,
        ]
    )  # fmt: skip


def test_history_has_one_row_an_epoch_and_the_card_names_the_best(run):
    history = pl.read_csv(run / "history.csv")
    card = load_run(run).card
    assert history["epoch"].to_list() == [1, 2, 3]
    assert card.epochs == 3
    assert card.best_val_loss == history["val_loss"].min()
    assert history.row(card.best_epoch - 1, named=True)["val_loss"] == card.best_val_loss


def test_card_says_what_the_run_was_made_of(run, dataset):
    card = load_run(run).card
    assert card.name == "lite"
    assert card.architecture == "efficientnet_lite0"
    assert card.preprocess.size_px == 32
    assert card.preprocess.mean == (0.5, 0.5, 0.5)
    assert card.preprocess_hash == card.preprocess.hash
    assert card.data.counts["train"].fake == 9
    assert card.data.generators == {"noise": 9}
    assert "noise" in card.limits[0]
    assert card.weights_source == "random"
    assert (card.seed, card.batch_size, card.lr) == (42, 4, 1e-3)


def test_kept_weights_are_those_of_the_best_epoch(run):
    history = pl.read_csv(run / "history.csv")
    table = pl.read_parquet(run / VALIDATION)
    logits = torch.from_numpy(table.select("logit_real", "logit_fake").to_numpy())
    labels = torch.from_numpy((table["label"] == "fake").to_numpy().astype(np.int64))
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    assert loss == pytest.approx(history["val_loss"].min(), abs=1e-5)


def test_validation_table_holds_the_scores_of_the_opened_run(run):
    table = pl.read_parquet(run / VALIDATION)
    assert set(PREDICTION_SCHEMA) <= set(table.columns)
    assert table["split"].unique().to_list() == ["val"]
    scorer = open_scorer(run)
    logits = table.select("logit_real", "logit_fake").to_numpy()
    np.testing.assert_allclose(
        table["score"].to_numpy(), fake_score(logits, scorer.card.temperature), rtol=1e-12
    )


def test_recipe_s_mean_and_std_go_into_the_card(dataset, tmp_path):
    recipe = tiny("model.mean=[0.1, 0.2, 0.3]", "model.std=[0.4, 0.5, 0.6]", "train.max_epochs=1")
    card = train(dataset, recipe=recipe, out=tmp_path / "run").card
    assert card.preprocess.mean == (0.1, 0.2, 0.3)
    assert card.preprocess.std == (0.4, 0.5, 0.6)


def test_same_call_twice_gives_the_same_bits_whatever_the_workers(run, dataset, tmp_path):
    again = train(dataset, recipe=tiny(), out=tmp_path / "lite", workers=3)
    assert result_of(again.out) == result_of(run)


def test_other_seed_gives_other_weights(run, dataset, tmp_path):
    other = train(dataset, recipe=tiny("train.seed=7"), out=tmp_path / "lite")
    assert result_of(other.out)["weights.safetensors"] != result_of(run)["weights.safetensors"]


def test_global_state_of_torch_is_given_back(run, dataset, tmp_path):
    assert not torch.are_deterministic_algorithms_enabled()


def test_finished_run_is_reused_and_other_arguments_are_refused(run, dataset):
    assert train(dataset, recipe=tiny(), out=run).reused
    with pytest.raises(OtherResult):
        train(dataset, recipe=tiny("train.lr=2e-3"), out=run)


KILLED = """
import os, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from fauxto.core.recipe import load_recipe
from fauxto.train.run import train

def kill(stage, done, total, note=""):
    if stage.startswith(f"epoch {sys.argv[3]}/") and done >= 8:
        os.kill(os.getpid(), int(sys.argv[4]))
        time.sleep(60)

train(Path(sys.argv[1]), recipe=load_recipe("lite", sys.argv[5:]), out=Path(sys.argv[2]),
      progress=kill)
"""


def kill_in_epoch(epoch, dataset, out, overrides, with_signal):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, dataset, out, str(epoch), str(int(with_signal)), *overrides],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -with_signal, done.stderr.decode()


EVERYTHING = ("train.ema_decay=0.9", "train.schedule=cosine", "train.warmup_epochs=0.5",
              "augment.reencode=0.5")  # fmt: skip


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory):
    return train(dataset, recipe=tiny(*EVERYTHING), out=tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.parametrize(
    "with_signal", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_run_killed_in_an_epoch_goes_on_to_the_same_bits(whole, dataset, tmp_path, with_signal):
    out = tmp_path / "killed"
    kill_in_epoch(3, dataset, out, (*TINY, *EVERYTHING), with_signal)
    assert len(list((out / "checkpoints").glob("epoch-*.pt"))) == 2
    stages = []
    resumed = train(
        dataset, recipe=tiny(*EVERYTHING), out=out, resume=True,
        progress=lambda stage, *_: stages.append(stage),
    )  # fmt: skip
    assert set(stages) == {"epoch 3/3"}
    assert result_of(resumed.out) == result_of(whole.out)
    assert resumed.card.threshold == whole.card.threshold
    assert resumed.card.temperature == whole.card.temperature


def interrupt_in(epoch):
    def progress(stage, done, total, note=""):
        if stage.startswith(f"epoch {epoch}/") and done >= 8:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_damaged_checkpoint_is_told_and_the_one_before_is_used(
    run, dataset, tmp_path, caplog, damage
):
    out = tmp_path / "lite"
    with pytest.raises(KeyboardInterrupt):
        train(dataset, recipe=tiny(), out=out, progress=interrupt_in(3))
    newest = max((out / "checkpoints").glob("epoch-*.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    stages = []
    train(dataset, recipe=tiny(), out=out, progress=lambda stage, *_: stages.append(stage))
    assert set(stages) == {"epoch 2/3", "epoch 3/3"}
    assert newest.name in caplog.text
    assert "damaged" in caplog.text
    assert result_of(out) == result_of(run)


def test_run_interrupted_after_its_last_epoch_only_finishes(run, dataset, tmp_path, monkeypatch):
    out = tmp_path / "lite"
    with monkeypatch.context() as patched:
        patched.setattr(
            "fauxto.train.run.save_weights", lambda *_: (_ for _ in ()).throw(OSError("full"))
        )
        with pytest.raises(OSError, match="full"):
            train(dataset, recipe=tiny(), out=out)
    stages = []
    train(dataset, recipe=tiny(), out=out, progress=lambda stage, *_: stages.append(stage))
    assert stages == []
    assert result_of(out) == result_of(run)


def test_full_disk_is_one_clear_error_and_the_run_goes_on_when_there_is_room(
    run, dataset, tmp_path, monkeypatch
):
    out = tmp_path / "lite"
    save, written = torch.save, []

    def fill_disk(content, path):
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(content, path)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", fill_disk)
        with pytest.raises(ArtifactError, match=r"cannot write .*: No space left on device"):
            train(dataset, recipe=tiny(), out=out)
    stages = []
    train(dataset, recipe=tiny(), out=out, progress=lambda stage, *_: stages.append(stage))
    assert set(stages) == {"epoch 2/3", "epoch 3/3"}
    assert result_of(out) == result_of(run)


def test_training_stops_after_patience_epochs_without_a_lower_loss(dataset, tmp_path, monkeypatch):
    losses = iter([0.9, 0.5, 0.6, 0.5, 0.7, 0.1])
    monkeypatch.setattr("fauxto.train.fit.validate", lambda *_: (next(losses), 0.5))
    recipe = tiny("train.max_epochs=50", "train.patience=3")
    card = train(dataset, recipe=recipe, out=tmp_path / "run").card
    assert (card.epochs, card.best_epoch, card.best_val_loss) == (5, 2, 0.5)


def test_loss_that_is_not_a_number_stops_with_the_batch_s_paths(dataset, tmp_path):
    with pytest.raises(FauxtoError, match=r"epoch 1.*train\.lr.*train/(real|fake)/\d\.png"):
        train(dataset, recipe=tiny("train.lr=1e30"), out=tmp_path / "run")


def test_full_gpu_memory_says_which_batch_size_to_try(dataset, tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("fauxto.train.fit._train_epoch", full)
    with pytest.raises(FauxtoError, match=r"train\.batch_size=2 --set train\.accumulate=2"):
        train(dataset, recipe=tiny(), out=tmp_path / "run")


def test_missing_weights_are_an_error_before_training(dataset, tmp_path):
    with pytest.raises(WeightsError, match="nowhere"):
        train(dataset, recipe=tiny("model.weights=nowhere.pth"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_network_that_does_not_take_the_size_is_refused(dataset, tmp_path):
    recipe = tiny(recipe="report/vit_base_patch16_224")
    with pytest.raises(RecipeError, match="--size 224"):
        train(dataset, recipe=recipe, out=tmp_path / "run")


def test_policy_that_validation_cannot_support_is_refused(dataset, tmp_path):
    with pytest.raises(RecipeError, match=r"fpr-1%.*100 real.*there are 3"):
        train(dataset, recipe=tiny("train.policy=fpr-1%"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_class_in_training_is_refused(make_dataset, tmp_path):
    folder = make_dataset(tmp_path / "set", counts=(2, 2, 0))
    table = pl.read_parquet(folder / "images.parquet")
    kept = table.filter(~((pl.col("split") == "train") & (pl.col("label") == "fake")))
    kept.write_parquet(folder / "images.parquet")
    with pytest.raises(DataError, match="training"):
        train(folder, recipe=tiny(), out=tmp_path / "run")


def test_vanished_picture_is_named(dataset, tmp_path):
    copy = tmp_path / "set"
    shutil.copytree(dataset, copy)
    (copy / "val" / "real" / "1.png").unlink()
    with pytest.raises(DataError, match=r"val/real/1\.png.*prepare it again"):
        train(copy, recipe=tiny(), out=tmp_path / "run")


def test_run_starts_from_another_run(run, dataset, tmp_path):
    recipe = tiny(f"model.weights='{run}'", "train.lr=1e-30", "train.max_epochs=1",
                  "train.weight_decay=0")  # fmt: skip
    again = train(dataset, recipe=recipe, out=tmp_path / "again")
    old = safetensors.torch.load_file(run / "weights.safetensors")
    new = safetensors.torch.load_file(again.out / "weights.safetensors")
    assert torch.equal(old["classifier.weight"], new["classifier.weight"])
    assert torch.equal(old["blocks.3.0.conv_pw.weight"], new["blocks.3.0.conv_pw.weight"])


def test_timm_opens_the_run_itself(run):
    module = timm.create_model(f"local-dir:{run}", pretrained=True).eval()
    inputs = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = load_run(run).module(inputs)
        torch.testing.assert_close(module(inputs), expected)
    assert module.pretrained_cfg["mean"] == [0.5, 0.5, 0.5]


def test_torchvision_opens_a_resnet_s_weights_itself(dataset, tmp_path):
    recipe = tiny("train.max_epochs=1", recipe="report/resnet18")
    run = train(dataset, recipe=recipe, out=tmp_path / "run").out
    module = torchvision.models.resnet18(num_classes=2)
    module.load_state_dict(safetensors.torch.load_file(run / "weights.safetensors"))
    inputs = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(module.eval()(inputs), load_run(run).module(inputs))


def test_scorer_gives_the_network_s_logits(run):
    inputs = np.random.default_rng(0).standard_normal((3, 3, 32, 32)).astype(np.float32)
    scorer = open_scorer(run)
    assert scorer.name == "lite"
    with torch.inference_mode():
        expected = load_run(run).module(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(scorer.logits(inputs), expected, atol=1e-5)


def test_damaged_weights_are_an_error(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(ArtifactError, match="damaged"):
        load_run(copy)
