import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import fauxto.explain.run as verb
import fauxto.explain.torch_subject as torch_subject
from fauxto.core.artifacts import STAMP, read_json, write_json
from fauxto.core.errors import ArtifactError, RecipeError
from fauxto.core.labels import Split
from fauxto.core.records import DataSummary, Environment, ModelCard, Policy, Preprocess
from fauxto.explain.belief import judge_trust, sum_up
from fauxto.explain.faithfulness import (
    Curves,
    CurveSummary,
    Estimate,
    Faithfulness,
    centre_prior,
)
from fauxto.explain.trust import SanityStep, Trust
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


def make_noise_cnn():
    """The same layers, reading the whole picture with random weights."""
    torch.manual_seed(1)
    module = nets.CornerCnn()
    module.features = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.ReLU())
    torch.nn.init.normal_(module.head.weight)
    return module.eval()


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two run folders whose networks are built by hand."""
    networks = {
        "corner": Loaded(make_cnn(), make_card("corner"), make_spec(Kind.CNN)),
        "vit": Loaded(nets.make_corner_vit().eval(), make_card("vit", 0.9), make_spec(Kind.VIT)),
        "permuted": Loaded(make_noise_cnn(), make_card("permuted"), make_spec(Kind.CNN)),
    }
    folders = []
    for name in networks:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        stamp = {"verb": "train", "fingerprint": name, "arguments": {}, "finished": True}
        write_json(folder / STAMP, stamp)
        folders.append(folder)
    monkeypatch.setattr(torch_subject, "load_run", lambda run, device="cpu": networks[run.name])
    return folders[:2]


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
    assert "of score minus own threshold" in page
    assert re.search(r"score 0\.\d{3}, threshold 0\.\d{3}: ", page)
    assert page.count("data:image/jpeg") > 6 * (1 + 2 * 2)


def test_faithfulness_is_written_and_the_true_map_wins(runs, data):
    result = run(runs[:1], data=data, tested=12, target="fake")
    content = json.loads((result.folder / "faithfulness.json").read_text())
    (entry,) = content["methods"]
    assert entry["images"] == 12
    assert entry["over_random"]["low"] > 0
    assert entry["informative"]
    assert len(entry["curves"]["centre"]["deletion"]) == 11
    curves = entry["curves"]
    for name in ("map", "centre", "random"):
        for area in ("deletion_area", "insertion_area", "gain"):
            estimate = curves[name][area]
            assert estimate["low"] <= estimate["mean"] <= estimate["high"]
    assert curves["map"]["deletion_area"]["mean"] < curves["random"]["deletion_area"]["mean"]
    assert [row["share"] for row in entry["sanity"]] == pytest.approx([1 / 3, 2 / 3, 1])
    page = (result.folder / "index.html").read_text()
    assert "Grad-CAM is the most faithful" in page
    assert "(a bright centre)" in page


def test_maps_are_compared_with_those_of_a_network_trained_on_permuted_labels(runs, data):
    permuted = runs[0].parent / "permuted"
    options = {"data": data, "tested": 12, "target": "fake"}
    other = run(runs[:1], **options, control=[permuted], name="other")
    (entry,) = read_json(other.folder / "faithfulness.json")["methods"]
    assert entry["control"]["mean"] < 0.5
    assert entry["depends_on_labels"] is True
    page = (other.folder / "index.html").read_text()
    assert "corner: permuted" in page
    assert "Not to be believed" not in page
    same = run(runs[:1], **options, control=runs[:1], name="same")
    (entry,) = read_json(same.folder / "faithfulness.json")["methods"]
    assert entry["control"]["mean"] == pytest.approx(1)
    assert entry["depends_on_labels"] is False
    page = (same.folder / "index.html").read_text()
    assert "Not to be believed" in page
    assert page.count("nearly the same map when trained on permuted labels") == 2


def test_method_that_knows_nothing_of_the_network_is_labelled_so(runs, data, monkeypatch):
    def lie(module, inputs, layout, name, sides):
        return np.repeat(centre_prior(*inputs.shape[2:])[None], len(inputs), axis=0)

    monkeypatch.setattr(torch_subject, "explain_sides", lie)
    result = run(runs[:1], data=data, tested=12)
    page = (result.folder / "index.html").read_text()
    (entry,) = read_json(result.folder / "faithfulness.json")["methods"]
    assert entry["over_centre"] == {"mean": 0, "low": 0, "high": 0}
    assert not entry["informative"]
    assert page.count("nearly the same map without what was learned") == 2  # pictures and table


def make_trust(centre, random, left=0.0, control=None):
    curves = Curves(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    areas = [Estimate(mean, mean - 0.01, mean + 0.01) for mean in (0.4, 0.6, 0.2, random, centre)]
    known = CurveSummary(curves, curves, curves, *areas[:3])
    found = Faithfulness(20, dict.fromkeys(("map", "centre", "random"), known), *areas[3:])
    likeness = None if control is None else Estimate(control, control, control)
    return Trust("gradcam", found, (SanityStep(1.0, left),), likeness)


@pytest.mark.parametrize(
    ("trust", "label"),
    [
        (make_trust(0.1, 0.1), "more faithful than a bright centre and random blobs"),
        (make_trust(0.005, 0.1), "no better than a bright centre"),
        (make_trust(-0.1, 0.1), "less faithful than a bright centre"),
        (make_trust(0.1, 0.0), "no better than random blobs"),
        (make_trust(0.1, 0.1, left=0.9), "nearly the same map without what was learned"),
        (make_trust(0.1, 0.1, control=0.9), "nearly the same map when trained on permuted"),
    ],
)
def test_every_doubt_has_its_label(trust, label):
    assert judge_trust(trust).startswith(label)
    assert trust.is_believable is label.startswith("more faithful")


def test_most_faithful_method_is_named_and_failing_ones_are_counted():
    good, bad = make_trust(0.1, 0.1), make_trust(0.1, 0.1, left=0.9)
    assert sum_up([good]) == (
        "Grad-CAM is the most faithful, 0.100 [0.090, 0.110] above a bright centre"
    )
    assert sum_up([bad, good]).endswith("; 1 of 2 methods pass every test")
    assert sum_up([bad]).startswith("no method passes every test")


def test_numbers_are_given_by_class_outcome_generator_and_source(runs, tmp_path):
    rows = []
    for index in range(24):
        label = "fake" if index % 2 else "real"
        Image.new("RGB", (30, 30), (10 * index, 200, 90)).save(tmp_path / f"{index}.png")
        maker = ("mill", "forge")[index % 4 // 2] if index % 2 else ""
        rows.append(f"{index}.png,{label},{'shop' if index < 12 else 'rare'},{maker}")
    table = tmp_path / "images.csv"
    table.write_text("path,label,source,generator\n" + "\n".join(rows) + "\n")
    result = run(runs[:1], data=table, measured=24)
    groups = read_json(result.folder / "faithfulness.json")["groups"]
    found = {(row["by"], row["value"]): row["images"] for row in groups}
    assert found["label", "fake"] == found["label", "real"] == 12
    assert found["generator", "mill"] == found["generator", "forge"] == 6
    assert found["source", "shop"] == found["source", "rare"] == 12
    assert sum(images for (by, _), images in found.items() if by == "outcome") == 24
    page = (result.folder / "index.html").read_text()
    assert page.count("Mean map of mill") == 1
    for heading in ("By class", "By outcome", "By generator", "By source"):
        assert f"<h3>{heading}</h3>" in page


def test_strength_is_that_of_the_overlay_files(runs, data):
    result = run(runs[:1], data=data, strength=0.0)
    (overlay, *_) = sorted(result.folder.glob("01-*-overlay.png"))
    (original,) = (p for p in result.folder.glob("01-*.png") if "--" not in p.name)
    with Image.open(overlay) as one, Image.open(original) as other:
        assert one.tobytes() == other.tobytes()


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
        ({"method": "rollout"}, "cannot explain corner, a network of kind 'cnn'"),
        ({"target": "both"}, "target must be"),
        ({"name": "../elsewhere"}, "plain folder name"),
        ({"strength": 1.5}, "strength must lie"),
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


def test_a_control_of_another_kind_is_refused(runs, data):
    with pytest.raises(RecipeError, match="cannot be explained by all methods of vit"):
        run(runs[1:], data=data, control=runs[:1], tested=8)


def test_unfinished_run_is_refused(runs, data):
    write_json(runs[0] / STAMP, {"verb": "train", "fingerprint": "x", "finished": False})
    with pytest.raises(ArtifactError, match="unfinished"):
        run(runs[:1], data=data, split=Split.TEST)
