import sys
import tomllib
from contextlib import nullcontext

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from fauxto.cli.app import app
from fauxto.core.artifacts import read_card, read_json
from fauxto.core.errors import ArtifactError, MissingExtra, RecipeError
from fauxto.models.checkpoint import load_run

TINY = ("--weights", "none", "--device", "cpu", "--set", "train.batch_size=4",
        "--set", "train.lr=1e-3", "--set", "train.max_epochs=1")  # fmt: skip


def fauxto_train(dataset, out, *arguments):
    """Run the command in this process; return its standard output."""
    call = ["train", dataset, "--out", out, *TINY, *arguments]
    result = CliRunner().invoke(app, [str(argument) for argument in call], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_a_dry_run_says_what_would_happen_and_writes_nothing(dataset, tmp_path):
    output = fauxto_train(dataset, tmp_path / "run", "--recipe", "report/resnet18", "--dry-run")
    said = output.stdout
    assert tomllib.loads(said)["train"]["batch_size"] == 4
    assert "9 real and 9 fake to train on, 3 real and 3 fake to validate with, 32 px" in said
    assert "resnet18, 11.2 M parameters, 1.81 GFLOPs" in said
    assert "5 an epoch, at most 1 epochs" in said
    assert not (tmp_path / "run").exists()


def test_the_summary_says_where_everything_is_and_what_comes_next(dataset, tmp_path):
    out = tmp_path / "run"
    said = fauxto_train(dataset, out).stderr
    for name in ("weights.safetensors", "card.json", "history.csv", "curves.svg", "recipe.toml"):
        assert str(out / name) in said
        assert (out / name).is_file()
    assert f"fauxto evaluate {out} --data {dataset}" in said


def test_resume_without_an_interrupted_run_is_refused(dataset, tmp_path):
    with pytest.raises(ArtifactError, match=r"no interrupted run.*leave out --resume"):
        fauxto_train(dataset, tmp_path / "run", "--resume")
    assert not (tmp_path / "run").exists()


def test_several_seeds_give_runs_and_their_mean_and_deviation(dataset, tmp_path):
    out = tmp_path / "seeds"
    said = fauxto_train(dataset, out, "--seeds", "3,1").stdout
    losses = []
    for seed in (3, 1):
        card = read_card(out / f"seed-{seed}")
        assert card.seed == seed
        assert card.spread.seeds == (3, 1)
        losses.append(card.best_val_loss)
    assert len(set(losses)) == 2
    column = pl.Series(losses)
    assert card.spread.mean["val_loss"] == pytest.approx(column.mean())
    assert card.spread.deviation["val_loss"] == pytest.approx(column.std())
    summary = read_json(out / "seeds.json")
    assert summary["mean"] == card.spread.mean
    assert summary["runs"] == ["seed-3", "seed-1"]
    assert f"{column.mean():.4f}" in said
    again = fauxto_train(dataset, out, "--seeds", "3,1")
    assert "was finished before: shown again" in again.stderr
    assert again.stdout == said


def test_distilling_begins_at_the_mean_of_the_weights(dataset, tmp_path):
    out = tmp_path / "seeds"
    still = ["--set", "distil.lr=1e-12", "--set", "train.ema_decay=0"]  # it stays where it begins
    said = fauxto_train(dataset, out, "--seeds", "3,1", "--distil", *still).stderr
    assert f"fauxto evaluate {out / 'distilled'} --data {dataset}" in said
    student, *runs = (
        load_run(out / name).module.state_dict() for name in ("distilled", "seed-3", "seed-1")
    )
    name = "blocks.2.0.conv_pw.weight"
    assert not torch.equal(runs[0][name], runs[1][name])
    assert torch.allclose(student[name], (runs[0][name] + runs[1][name]) / 2, atol=1e-6)
    # Batch norm's statistics are those of the student, not a mean of statistics.
    name = "blocks.2.0.bn1.running_mean"
    assert not torch.allclose(student[name], (runs[0][name] + runs[1][name]) / 2, atol=1e-4)


def test_distilled_is_a_run_of_its_own(dataset, tmp_path):
    out = tmp_path / "seeds"
    # Of runs that are there already, in the same folder.
    fauxto_train(dataset, out, "--seeds", "3,1")
    before = (out / "seed-3" / "weights.safetensors").stat().st_mtime_ns
    fauxto_train(dataset, out, "--seeds", "3,1", "--distil", "--set", "distil.max_epochs=2")
    assert (out / "seed-3" / "weights.safetensors").stat().st_mtime_ns == before
    card = read_card(out / "distilled")
    assert card.teacher_seeds == (3, 1)
    assert card.name == "seeds"
    assert card.lr == 1e-3
    assert card.epochs == 2
    history = pl.read_csv(out / "distilled" / "history.csv")
    assert (history["train_loss"] >= 0).all()
    validation = pl.read_parquet(out / "distilled" / "validation.parquet")
    logits = validation.select("logit_real", "logit_fake").to_numpy()
    right = logits[np.arange(len(logits)), (validation["label"] == "fake").cast(int)]
    losses = np.log(np.exp(logits).sum(axis=1)) - right
    assert card.best_val_loss == pytest.approx(losses.mean(), rel=1e-4)
    again = ("--seeds", "3,1", "--distil", "--set", "distil.max_epochs=2")
    assert "was finished before" in fauxto_train(dataset, out, *again).stderr


def test_only_the_best_teach_where_the_recipe_says_how_many(dataset, tmp_path):
    out = tmp_path / "seeds"
    fauxto_train(dataset, out, "--seeds", "3,1,2", "--distil", "--set", "distil.teachers=2")
    losses = {seed: read_card(out / f"seed-{seed}").best_val_loss for seed in (3, 1, 2)}
    worst = max(losses, key=losses.get)
    expected = tuple(seed for seed in losses if seed != worst)
    assert read_card(out / "distilled").teacher_seeds == expected


def test_more_teachers_than_trainings_are_refused_before_any_training(dataset, tmp_path):
    out = tmp_path / "seeds"
    call = ["--seeds", "3,1", "--distil", "--set", "distil.teachers=3"]
    with pytest.raises(RecipeError, match=r"distil\.teachers is 3 and there are 2 trainings"):
        fauxto_train(dataset, out, *call)
    assert not out.exists()


def test_distilling_a_single_training_is_refused(dataset, tmp_path):
    call = ["train", str(dataset), "--out", str(tmp_path / "run"), "--distil"]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 2
    assert "add --seeds" in result.stderr


@pytest.mark.parametrize("seeds", ["1", "1,1"])
def test_seeds_that_cannot_spread_are_refused(dataset, tmp_path, seeds):
    with pytest.raises(RecipeError, match="two or more different seeds"):
        fauxto_train(dataset, tmp_path / "run", "--seeds", seeds)


def test_continuing_a_run_shows_gains_and_losses_by_generator(make_dataset, tmp_path):
    first = make_dataset(tmp_path / "first", generators=("noise", "stripes"))
    fauxto_train(first, tmp_path / "before")
    wider = make_dataset(tmp_path / "wider", generators=("noise", "dots"))
    said = fauxto_train(wider, tmp_path / "after", "--weights", tmp_path / "before").stdout
    continued = read_card(tmp_path / "after").continued
    assert continued.run == "before"
    assert [(row.value, row.n, row.known) for row in continued.rows] == [
        ("real", 3, True), ("dots", 1, False), ("noise", 2, True),
    ]  # fmt: skip
    assert continued.not_measured == ("stripes",)  # learned before, absent from the new data
    table = pl.read_parquet(tmp_path / "after" / "validation.parquet")
    threshold = read_card(tmp_path / "after").threshold
    noise = table.filter(pl.col("generator") == "noise")
    assert continued.rows[2].after == pytest.approx((noise["score"] >= threshold).mean())
    assert read_json(tmp_path / "after" / "continued.json")["rows"][0]["value"] == "real"
    for word in ("before", "after", "dots", "noise", "new"):
        assert word in said


def test_tensorboard_gets_every_epoch(dataset, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "run"
    fauxto_train(dataset, out, "--logger", "tensorboard", "--set", "train.max_epochs=2")
    logged = events.EventAccumulator(str(out / "tensorboard"))
    logged.Reload()
    history = pl.read_csv(out / "history.csv")
    points = logged.Scalars("val_loss")
    assert [point.step for point in points] == [1, 2]
    assert [point.value for point in points] == pytest.approx(history["val_loss"].to_list())


class FakeMlflow:
    """The five calls of MLflow that are used; MLflow itself is too heavy for these tests."""

    def __init__(self):
        self.metrics, self.params, self.uri = [], {}, None

    def set_tracking_uri(self, uri):
        self.uri = uri

    def set_experiment(self, name):
        self.experiment = name

    def start_run(self, run_name):
        self.run_name = run_name
        return nullcontext()

    def log_params(self, params):
        self.params = params

    def log_metrics(self, metrics, step):
        self.metrics.append((step, metrics))


def test_mlflow_gets_settings_and_every_epoch(dataset, tmp_path, monkeypatch):
    fake = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    out = tmp_path / "run"
    fauxto_train(dataset, out, "--logger", "mlflow")
    assert fake.run_name == "run"
    assert fake.params["train.batch_size"] == "4"
    assert [step for step, _ in fake.metrics] == [1]
    assert fake.metrics[0][1]["val_loss"] == pl.read_csv(out / "history.csv")["val_loss"][0]
    assert fake.uri.startswith("sqlite:///")


@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_a_logger_that_is_not_installed_is_named_with_its_extra(
    dataset, tmp_path, monkeypatch, name
):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setattr(
        "lightning_fabric.loggers.tensorboard._TENSORBOARD_AVAILABLE", False, raising=True
    )
    monkeypatch.setattr(
        "lightning_fabric.loggers.tensorboard._TENSORBOARDX_AVAILABLE", False, raising=True
    )
    with pytest.raises(MissingExtra, match=rf"--logger {name}.*fauxto\[loggers\]"):
        fauxto_train(dataset, tmp_path / "run", "--logger", name)
    assert not (tmp_path / "run").exists()
