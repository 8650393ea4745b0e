import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import fauxto.explain.run as verb
from fauxto.core.artifacts import STAMP, read_json, write_json
from fauxto.core.errors import ArtifactError, RecipeError
from fauxto.core.labels import Split
from fauxto.core.records import DataSummary, Environment, ModelCard, Policy, Preprocess
from fauxto.models.specs import MODELS, Kind, ModelSpec

_location = importlib.util.spec_from_file_location("nets", Path(__file__).parent / "conftest.py")
nets = importlib.util.module_from_spec(_location)
_location.loader.exec_module(nets)

PREPROCESS = Preprocess(size_px=nets.SIDE_PX, mean=(0, 0, 0), std=(1, 1, 1))


@dataclass
class Loaded:
    module: torch.nn.Module
    card: ModelCard
    spec: ModelSpec


def make_card(name, threshold=0.5):
    return ModelCard(
        name=name,
        architecture="corner",
        parameters=1,
        preprocess=PREPROCESS,
        preprocess_hash=PREPROCESS.hash,
        temperature=1.5,
        threshold=threshold,
        policy=Policy.BALANCED,
        operating_points=(),
        unsure_band=(0.49, 0.51),
        data=DataSummary(digest="0", counts={}),
        seed=0,
        epochs=1,
        best_epoch=1,
        best_val_loss=0.1,
        batch_size=8,
        lr=1e-4,
        weights_source="none",
        weights_licence="none",
        wall_time_s=1,
        environment=Environment(python="3", platform="x", device="cpu"),
    )


def make_spec(kind):
    like = MODELS["resnet18" if kind is Kind.CNN else "vit_base_patch16_224"]
    layer = "features" if kind is Kind.CNN else "blocks.1.norm1"
    return type(like)(**{**vars(like), "cam_layer": layer})


def make_cnn():
    module = nets.CornerCnn().eval()
    with torch.no_grad():
        module.head.bias[1] = -1.25
    return module


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two run folders whose networks are built by hand."""
    networks = {
        "corner": Loaded(make_cnn(), make_card("corner"), make_spec(Kind.CNN)),
        "vit": Loaded(nets.make_corner_vit().eval(), make_card("vit", 0.9), make_spec(Kind.VIT)),
    }
    folders = []
    for name in networks:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        stamp = {"verb": "train", "fingerprint": name, "arguments": {}, "finished": True}
        write_json(folder / STAMP, stamp)
        folders.append(folder)
    monkeypatch.setattr(verb, "load_run", lambda run, device="cpu": networks[run.name])
    return folders


@pytest.fixture
def data(tmp_path):
    """Test images of noise; those called fake have a bright corner, but for one of each class."""
    rng = np.random.default_rng(0)
    for label in ("real", "fake"):
        folder = tmp_path / "data" / "test" / label
        folder.mkdir(parents=True)
        for index in range(6):
            pixels = rng.integers(60, 190, (90, 140, 3))
            bright = (label == "fake") != (index == 0)
            pixels[:30, :45] = 255 if bright else rng.integers(0, 60)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{label} {index}.png")
    return tmp_path / "data"


def run(runs, **options):
    defaults = {"sample": 6, "measured": 12, "tested": 0, "workers": 1}
    return verb.explain(runs, **(defaults | options))


def test_runs_are_shown_the_same_pictures_side_by_side(runs, data, tmp_path):
    result = run(runs, data=data, out=tmp_path / "out", tested=8)
    assert result.pictures == 6
    assert not result.reused
    assert read_json(result.folder / STAMP)["finished"]
    names = {path.name for path in result.folder.iterdir()}
    assert {"index.html", "regions.parquet", "faithfulness.json", "side-by-side.png"} <= names
    for model, method in (("corner", "gradcam"), ("vit", "rollout")):
        for panel in ("map", "overlay"):
            found = [n for n in names if n.endswith(f"--{model}--{method}-{panel}.png")]
            assert sorted(name[:2] for name in found) == [f"{i:02d}" for i in range(1, 7)]
    with Image.open(result.folder / "side-by-side.png") as figure:
        assert figure.width < figure.height
    regions = pl.read_parquet(result.folder / "regions.parquet")
    assert regions.height == 24
    assert regions["error"].null_count() == 24
    assert set(regions["outcome"]) == {"tp", "fn", "fp", "tn"}
    seen = regions.filter(pl.col("run") == "corner", pl.col("side") == "fake")
    assert seen["centre_x"].max() < 0.25
    assert seen["centre_y"].max() < 0.25
    page = (result.folder / "index.html").read_text()
    assert "sure and wrong" in page
    assert page.count("data:image/jpeg") > 6 * (1 + 2 * 2)


def test_faithfulness_is_written_and_the_true_map_wins(runs, data):
    result = run(runs[:1], data=data, tested=12, target="fake")
    content = json.loads((result.folder / "faithfulness.json").read_text())
    (entry,) = content["methods"]
    assert entry["images"] == 12
    assert entry["over_random"]["low"] > 0
    assert entry["informative"]
    assert len(entry["curves"]["centre"]["deletion"]) == 11
    assert {row["share"] for row in entry["sanity"]} == {0.1, 0.25, 0.5, 1.0}


def test_one_run_is_explained_in_its_own_folder(runs, data):
    result = run(runs[:1], data=data, name="again")
    assert result.folder == runs[0] / "explanations" / "again"


def test_named_pictures_of_any_size_and_a_broken_one(runs, tmp_path):
    picture = tmp_path / "fake" / "odd <name> & 'quote'.jpg"
    picture.parent.mkdir()
    Image.new("RGB", (317, 40), (250, 250, 250)).save(picture)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    images = [picture, broken, tmp_path / "missing.png"]
    result = run(runs, images=images, out=tmp_path / "out", method="occlusion,rollout", tested=8)
    assert result.pictures == 3
    regions = pl.read_parquet(result.folder / "regions.parquet")
    assert regions.height == 9  # occlusion for both, rollout for the ViT
    bad = regions.filter(pl.col("path") != str(picture))
    assert bad["error"].null_count() == 0
    assert bad["score"].null_count() == 6
    good = regions.filter(pl.col("path") == str(picture))
    assert good["label"].unique().to_list() == ["fake"]
    page = (result.folder / "index.html").read_text()
    assert page.count("Not explained.") == 2
    assert "odd &lt;name&gt; &amp;" in page
    assert "was not tested: it takes at least 8 images" in page


def test_broken_image_in_the_data_is_a_row_with_its_error(runs, data):
    (data / "test" / "fake" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    result = run(runs[:1], data=data, measured=13)
    regions = pl.read_parquet(result.folder / "regions.parquet")
    errors = regions.filter(pl.col("error").is_not_null())
    assert errors["path"].to_list() == ["test/fake/torn.png"]
    assert "torn.png" in (result.folder / "index.html").read_text()


def test_same_arguments_give_the_same_bytes_also_after_a_kill(runs, data, monkeypatch):
    def killed(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(verb, "write_pictures", killed)
        with pytest.raises(KeyboardInterrupt):
            run(runs[:1], data=data, tested=8)
    first = run(runs[:1], data=data, tested=8)
    files = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    reused = run(runs[:1], data=data, tested=8)
    assert reused.reused
    assert reused.pictures == first.pictures == 6
    again = run(runs[:1], data=data, tested=8, overwrite=True)
    assert not again.reused
    assert {path.name: path.read_bytes() for path in again.folder.iterdir()} == files


def test_changed_images_are_noticed(runs, data):
    run(runs[:1], data=data)
    Image.new("RGB", (9, 9)).save(data / "test" / "real" / "real 1.png")
    with pytest.raises(ArtifactError, match="other arguments or data"):
        run(runs[:1], data=data)


def test_two_runs_of_one_name_are_told_apart(runs, data, tmp_path):
    result = run([runs[0], runs[0]], data=data, out=tmp_path / "out", tested=0)
    regions = pl.read_parquet(result.folder / "regions.parquet")
    assert set(regions["run"]) == {"corner", "corner (2)"}
    assert "it was asked not to" in (result.folder / "index.html").read_text()


def test_many_pictures_are_linked_not_inlined(runs, data, tmp_path, monkeypatch):
    import fauxto.explain.pictures as pictures

    monkeypatch.setattr(pictures, "MAX_INLINE_CELLS", 3)
    result = run(runs, data=data, out=tmp_path / "out")
    page = (result.folder / "index.html").read_text()
    linked = {name for name in page.split('"') if name.endswith(".png") and name[0].isdigit()}
    assert len(linked) == 6 * (1 + 1 + 2)  # the original, the ViT's own, both maps
    assert all((result.folder / name).is_file() for name in linked)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to explain"),
        ({"method": "lime"}, "'lime'"),
        ({"method": "rollout"}, "cannot explain a network of kind 'cnn'"),
        ({"target": "both"}, "target must be"),
        ({"name": "../elsewhere"}, "plain folder name"),
    ],
)
def test_options_that_do_not_fit_leave_nothing_behind(runs, data, options, message):
    source = {"data": data} if options else {}
    with pytest.raises(RecipeError, match=message):
        run(runs[:1], **source, **options)
    assert not (runs[0] / "explanations").exists()


def test_several_runs_need_a_folder(runs, data):
    with pytest.raises(RecipeError, match="--out"):
        run(runs, data=data)


def test_unfinished_run_is_refused(runs, data):
    write_json(runs[0] / STAMP, {"verb": "train", "fingerprint": "x", "finished": False})
    with pytest.raises(ArtifactError, match="unfinished"):
        run(runs[:1], data=data, split=Split.TEST)
