import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from PIL import Image

from fauxto.audit.run import audit
from fauxto.core.artifacts import claim_folder, finish_folder, write_json
from fauxto.core.choices import HeldOutBy
from fauxto.core.errors import ArtifactError, DataError
from fauxto.core.labels import Split
from fauxto.core.recipe import PrepareOptions, load_recipe
from fauxto.core.records import Preprocess
from fauxto.data.prepared import digest_rows, open_dataset
from fauxto.data.table import IMAGE_SCHEMA, write_table
from fauxto.pipeline import held_out as module
from fauxto.pipeline.folds import list_values, make_folds, name_folder, withhold
from fauxto.pipeline.held_out_sums import NetworkScores, sum_up

GENERATORS = ("sd", "dalle/3", "tiny")


def write_dataset(folder):
    """60 reals and 60 fakes of two generators, one more of a third; two in one group."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(121):
        label = "fake" if index % 2 or index == 120 else "real"
        generator = "tiny" if index == 120 else GENERATORS[index // 2 % 2]
        split = ("train", "train", "train", "val", "test")[index // 4 % 5]
        path = f"{split}/{label}/{index:03}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / path)
        rows.append(
            {
                "path": path,
                "label": label,
                "split": split,
                "source": "pexels" if label == "real" else "forum",
                "generator": generator if label == "fake" else None,
                "group": "pair" if index in (0, 1) else None,
                "status": "ok",
                "sha256": f"{index:064x}",
            }
        )
    images = pl.DataFrame(rows, schema=IMAGE_SCHEMA).with_columns(original=pl.col("path"))
    write_table(folder / "images.parquet", images.sort("path"))
    write_table(folder / "originals.parquet", images.drop("original"))
    preprocess = Preprocess(size_px=16).model_dump(mode="json")
    document = {"preprocess": preprocess, "split_method": "grouped", "digest": digest_rows(images)}
    write_json(folder / "prepare.json", document)


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base"
    claim = claim_folder(folder, "prepare", {})
    write_dataset(folder)
    finish_folder(claim)
    return open_dataset(folder)


def test_values_with_few_images_are_named_apart(base):
    assert list_values(base.images, HeldOutBy.GENERATOR, 5) == (["dalle/3", "sd"], ["tiny"])
    assert name_folder(["dalle/3"]).startswith("dalle-3-")
    assert name_folder(["dalle/3"]) != name_folder(["dalle 3"])
    assert name_folder(["日本"]).isalnum()


def test_what_is_withheld_is_in_test_only_and_the_others_stay(base, tmp_path):
    withhold(base, tmp_path / "fold", HeldOutBy.GENERATOR, ["sd"])
    fold = open_dataset(tmp_path / "fold")
    before = dict(base.images.select("original", "split").rows())
    for row in fold.images.iter_rows(named=True):
        gone = row["generator"] == "sd" or row["group"] == "pair"
        assert row["split"] == ("test" if gone else before[row["original"]])
        assert row["path"].startswith(f"{row['split']}/{row['label']}/")
        (stored,) = fold.locate([row["path"]])
        assert Path(stored.address).read_bytes() == Path(base.root, row["original"]).read_bytes()
    assert fold.split_method == "generator-held-out (sd); the others: grouped"
    assert fold.originals().equals(base.originals())
    assert fold.digest != base.digest


def test_what_is_withheld_can_be_moved_with_the_data_set_that_holds_its_pictures(base, tmp_path):
    withhold(base, tmp_path / "fold", HeldOutBy.SOURCE, ["forum"])
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("base", "fold"):
        (tmp_path / name).rename(moved / name)
    fold = open_dataset(moved / "fold")
    assert all(Path(image.address).is_file() for image in fold.locate(fold.images["path"]))


@pytest.fixture
def verbs(monkeypatch, tmp_path):
    """Networks that call a fake fake only if they have seen its generator in training."""
    calls = []
    audit = tmp_path / "audit"
    finish_folder(claim_folder(audit, "audit", {}))

    def prepare(data, *, audit, out, options, **_):
        claim = claim_folder(out, "prepare", {})
        if claim.state != "done":
            write_dataset(out)
        finish_folder(claim)

    def train(dataset, *, recipe, out, **_):
        if (out / "seen.json").is_file():
            return
        calls.append(out.parent.name)
        seen = open_dataset(dataset).rows(Split.TRAIN)["generator"].drop_nulls().unique()
        write_json(out / "seen.json", {"seen": seen.to_list()})

    def evaluate(run, *, data, split, **_):
        seen = json.loads((run / "seen.json").read_text())["seen"]
        rows = open_dataset(data).rows(split).with_row_index("noise")
        right = pl.col("generator").is_in(seen).fill_null(value=False)
        score = pl.when(right).then(0.9).otherwise(0.1) + pl.col("noise") * 1e-5
        folder = run / "evaluation/test"
        folder.mkdir(parents=True, exist_ok=True)
        columns = ("path", "label", "source", "generator", "group")
        rows.select(*columns, score=score).write_parquet(folder / "predictions.parquet")
        return SimpleNamespace(folder=folder, metrics=SimpleNamespace(threshold=0.5))

    for name, verb in (("prepare", prepare), ("train", train), ("evaluate", evaluate)):
        monkeypatch.setattr(module, name, verb)

    def call(**options):
        given = {"by": HeldOutBy.GENERATOR, "least": 5, "recipe": load_recipe("lite"), **options}
        return module.held_out(tmp_path / "data", audit=audit, out=tmp_path / "out", **given)

    return SimpleNamespace(call=call, calls=calls, out=tmp_path / "out")


def test_a_generator_is_told_seen_and_never_seen_on_the_same_images(verbs):
    found = verbs.call().found
    assert {row.value for row in found.rows} == {"dalle/3", "sd"}
    assert found.not_withheld == ("tiny",)
    for row in found.rows:
        assert row.held_out.recall_fake == row.held_out.accuracy == 0.0
        assert row.random.recall_fake == row.random.accuracy == 1.0
        assert row.held_out.n_fake >= 30
        assert row.random.n_fake < row.held_out.n_fake
        assert found.networks[row.network].withheld == (row.value,)
    assert found.everything.recall_fake == 1.0
    assert (found.never_seen.recall_fake, found.same_seen.recall_fake) == (0.0, 1.0)
    assert found.never_seen.n_fake == found.same_seen.n_fake
    for network in found.networks:
        assert network.seen.recall_fake == 1.0
        for value, auc in network.roc_auc.items():
            assert auc < 0.7 if value in network.withheld else auc == 1.0


def test_a_value_of_one_class_is_ranked_against_the_other_class_as_it_was_trained_on(verbs):
    (row,) = verbs.call(by=HeldOutBy.SOURCE, only=["pexels"]).found.rows
    assert (row.held_out.n_real, row.held_out.n_fake) == (60, 0)
    assert row.completed_by == "fake"
    assert row.held_out.roc_auc == 1.0
    assert row.held_out.accuracy == row.held_out.recall_real == 1.0


def test_what_is_withheld_together_is_not_what_a_value_is_ranked_against():
    rows = pl.DataFrame(
        {
            "label": ["fake", "real", "real"],
            "source": ["a", "b", "c"],
            "score": [0.5, 0.9, 0.1],
            "group": [None] * 3,
            "in_base": [True] * 3,
        },
        schema_overrides={"group": pl.String},
    )
    one = NetworkScores(("a", "b"), 9, rows, 0.5)
    everything = NetworkScores((), 9, rows, 0.5)
    base = SimpleNamespace(
        rows=lambda _: rows, digest="d" * 64, split_method="grouped", images=rows
    )
    found = sum_up(base, HeldOutBy.SOURCE, "net", [everything, one], [])
    of_a = next(row for row in found.rows if row.value == "a")
    assert of_a.held_out.roc_auc == of_a.random.roc_auc == 1.0
    assert found.networks[1].roc_auc["a"] == 1.0
    assert found.networks[0].roc_auc["a"] == 0.5


def test_values_share_networks_with_both_classes_in_each(base, verbs):
    images = pl.DataFrame(
        {
            "source": [*"aaaaabbbbccccddd"],
            "label": ["real"] * 9 + ["fake"] * 7,
        }
    )
    dealt = make_folds(images, HeldOutBy.SOURCE, [*"abcd"], 2)
    assert dealt == [("a", "c"), ("b", "d")]
    assert make_folds(images, HeldOutBy.SOURCE, [*"ab"], 5) == [("a",), ("b",)]
    found = verbs.call(folds=1).found
    assert [network.withheld for network in found.networks] == [(), ("dalle/3", "sd")]
    assert all(row.held_out.recall_fake == 0.0 for row in found.rows)
    assert len(verbs.calls) == 2


def test_tables_and_page_hold_what_was_found(verbs):
    found = verbs.call().found
    out = verbs.out / "generator"
    lines = list(csv.DictReader((out / "table.csv").read_text().splitlines()))
    assert [line["generator"] for line in lines] == [*(row.value for row in found.rows), "all"]
    assert float(lines[0]["held_out_roc_auc"]) == pytest.approx(
        found.rows[0].held_out.roc_auc, abs=1e-6
    )
    markdown = (out / "table.md").read_text()
    assert "| all test images |" in markdown
    first = found.rows[0]
    auc = found.networks[first.network].roc_auc[first.value]
    assert f"**{auc * 100:.1f}**" in markdown
    page = (out / "index.html").read_text()
    assert "Every network on every generator" in page
    assert "tiny" in page


def test_called_again_it_trains_only_what_is_missing(verbs):
    first = verbs.call(only=["sd"])
    assert len(verbs.calls) == 2
    verbs.call(only=["dalle/3"])
    assert len(verbs.calls) == 3
    assert verbs.call(only=["sd"]).found == first.found
    assert len(verbs.calls) == 3
    by_source = verbs.call(by=HeldOutBy.SOURCE, only=["pexels"])
    assert len(verbs.calls) == 4
    assert by_source.found.everything == first.found.everything
    assert (verbs.out / "generator/index.html").is_file()
    with pytest.raises(ArtifactError, match="other arguments"):
        verbs.call(options=PrepareOptions(size_px=32))


def test_only_what_is_named_is_withheld(verbs):
    found = verbs.call(only=["tiny"]).found
    assert [row.value for row in found.rows] == ["tiny"]
    assert len(verbs.calls) == 2


def test_a_name_that_does_not_occur_is_refused_with_those_that_do(verbs):
    with pytest.raises(DataError, match="no generator is named flux: there are dalle/3, sd, tiny"):
        verbs.call(only=["flux"])
    with pytest.raises(DataError, match="no generator has 500 images"):
        verbs.call(only=[], least=500)


@pytest.mark.slow
def test_real_networks_are_trained_and_tested(tmp_path):
    data = tmp_path / "data"
    rows = []
    for index in range(120):
        label = "fake" if index % 2 else "real"
        rng = np.random.default_rng(index)
        coarse = Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8))
        pixels = np.asarray(coarse.resize((48, 48)), np.int16)
        if label == "fake":
            y, x = np.indices((48, 48))
            pixels = pixels + (((x + y * (index // 2 % 2)) % 2) * 60 - 30)[..., None]
        path = f"{label}/{index}.png"
        (data / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(data / path)
        rows.append({"path": path, "generator": f"g{index // 2 % 2}" if index % 2 else None})
    pl.DataFrame(rows).write_csv(data / "images.csv")
    audit(data, out=tmp_path / "audit", workers=1)
    found = module.held_out(
        data,
        audit=tmp_path / "audit",
        by=HeldOutBy.GENERATOR,
        recipe=load_recipe("demo-lite", ["train.max_epochs=1", "model.weights=none"]),
        only=["g1"],
        options=PrepareOptions(size_px=32),
        out=tmp_path / "out",
        workers=1,
    ).found
    (row,) = found.rows
    assert row.held_out.n_fake == 30
    assert 0 < row.random.n_fake < 30
    assert [network.withheld for network in found.networks] == [(), ("g1",)]
    assert set(found.networks[1].roc_auc) == {"g0", "g1"}
    networks = tmp_path / "out/networks"
    assert json.loads((networks / "all/run/evaluation/test/metrics.json").read_text())["controls"]
    (withheld,) = networks.glob("generator-g1-*")
    metrics = json.loads((withheld / "run/evaluation/test/metrics.json").read_text())
    assert not metrics["controls"]
