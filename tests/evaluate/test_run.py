import json
import re
import sys

import polars as pl
import pytest

from fauxto.core.artifacts import file_digest, read_json, write_json
from fauxto.core.choices import Policy
from fauxto.core.errors import ArtifactError, DataError, RecipeError
from fauxto.core.labels import Split
from fauxto.core.records import Preprocess
from fauxto.data.table import PREDICTION_SCHEMA
from fauxto.evaluate import result as result_module
from fauxto.evaluate import run as run_module
from fauxto.evaluate.disturbances import DISTURBANCES, STRENGTHS
from fauxto.evaluate.robustness import sample_rows
from fauxto.evaluate.run import evaluate, evaluate_detector, evaluate_predictions
from fauxto.metrics.summary import WORST_CASE


@pytest.fixture(autouse=True)
def opened(monkeypatch, scorer):
    """Put a scorer that needs no network in the place of the run's."""
    calls = []
    monkeypatch.setattr(run_module, "open_scorer", lambda *args: calls.append(args) or scorer)
    return calls


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Leave out the page, the slow part, where a test is not about it."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(result_module, "write_evaluation_page", lambda *_: None)


@pytest.fixture
def drawn():
    """Ask for the page."""


def test_a_split_is_scored_measured_and_shown(run, dataset):
    told = []
    result = evaluate(
        run, data=dataset, progress=lambda stage, done, total, note="": told.append((done, total))
    )
    assert result.folder == run / "evaluation/test"
    assert (result.metrics.n, result.metrics.n_errors, result.reused) == (11, 1, False)
    # One real is bright and one fake is dark: one mistake of each kind.
    assert (result.metrics.confusion.fn, result.metrics.confusion.fp) == (1, 1)
    assert told[-1] == (12, 12)
    predictions = pl.read_parquet(result.folder / "predictions.parquet")
    assert predictions.columns[: len(PREDICTION_SCHEMA)] == list(PREDICTION_SCHEMA)
    (broken,) = predictions.filter(pl.col("error").is_not_null()).to_dicts()
    assert broken["path"].endswith("11 é'x.png")
    assert broken["error"].startswith("not_an_image: ")
    document = json.loads((result.folder / "metrics.json").read_text())
    assert document["schema"] == 1
    assert document["threshold"] == 0.55


def test_the_page_shows_mistakes_that_open_and_the_broken_image(run, dataset, drawn):
    page = (evaluate(run, data=dataset).folder / "index.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") >= 2
    link = re.search(r'href="([^"]+02%20%C3%A9%27x\.png)"', page).group(1)
    assert link.startswith("../../../dataset/test/real/")
    assert "Images that could not be read" in page
    assert "11 é&#39;x.png" in page
    assert "Temperature (2.000)" in page


def test_the_same_evaluation_again_is_reused_and_scores_nothing(run, dataset, opened):
    first = evaluate(run, data=dataset)
    again = evaluate(run, data=dataset)
    assert again.reused
    assert again.metrics == first.metrics
    assert len(opened) == 1


def test_equal_runs_write_equal_bytes(run, dataset, drawn):
    names = ("metrics.json", "predictions.parquet", "index.html")
    folder = evaluate(run, data=dataset).folder
    before = [(folder / name).read_bytes() for name in names]
    evaluate(run, data=dataset, overwrite=True)
    assert [(folder / name).read_bytes() for name in names] == before


def test_an_interrupted_evaluation_ends_with_the_same_result(run, dataset, monkeypatch, drawn):
    whole = evaluate(run, data=dataset, name="whole")
    with monkeypatch.context() as patch:
        patch.setattr(result_module, "write_evaluation_page", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate(run, data=dataset, name="cut")
    cut = evaluate(run, data=dataset, name="cut")
    assert cut.metrics == whole.metrics
    for name in ("metrics.json", "predictions.parquet", "index.html"):
        assert (cut.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_changed_data_is_noticed_and_never_overwritten_unasked(run, dataset):
    evaluate(run, data=dataset)
    table = dataset / "images.parquet"
    pl.read_parquet(table).with_columns(sha256=pl.lit("f" * 64)).write_parquet(table)
    with pytest.raises(ArtifactError, match="other arguments or data"):
        evaluate(run, data=dataset)
    assert not evaluate(run, data=dataset, overwrite=True).reused
    assert evaluate(run, data=dataset, name="second").folder.name == "second"


def test_a_split_without_images_says_which_there_are(run, dataset):
    with pytest.raises(DataError, match=r"no images in split 'val' \(it has: test\)"):
        evaluate(run, data=dataset, split=Split.VAL)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "."])
def test_a_name_cannot_leave_the_run(run, dataset, name):
    if name:
        with pytest.raises(RecipeError, match="is not the name of a folder"):
            evaluate(run, data=dataset, name=name)
    else:
        assert evaluate(run, data=dataset, name=name).folder.name == "test"


def test_images_prepared_in_another_way_are_refused_before_anything_is_written(run, dataset):
    preprocess = Preprocess(size_px=64).model_dump(mode="json")
    write_json(dataset / "prepare.json", {"preprocess": preprocess, "split_method": "given"})
    with pytest.raises(RecipeError, match=r"--size 32 --fit squash.*--size 64"):
        evaluate(run, data=dataset)
    assert not (run / "evaluation").exists()


def test_mean_and_deviation_of_the_network_do_not_matter(run, dataset, card):
    mean = Preprocess(size_px=32, mean=(0.5, 0.5, 0.5))
    write_json(
        run / "card.json", card.model_copy(update={"preprocess": mean}).model_dump(mode="json")
    )
    assert evaluate(run, data=dataset).metrics.n == 11


def test_an_unfinished_run_is_refused(tmp_path, dataset):
    with pytest.raises(ArtifactError, match="not a folder written by 'fauxto train'"):
        evaluate(tmp_path, data=dataset)


def test_robustness_tries_every_disturbance_at_the_fixed_threshold(run, dataset):
    metrics = evaluate(run, data=dataset, robustness=6).metrics
    assert len(metrics.robustness) == (len(DISTURBANCES) + 1) * len(STRENGTHS)
    rows = {(row.disturbance, row.strength): row for row in metrics.robustness}
    assert {row.n for row in metrics.robustness} == {6}
    # The scorer measures brightness: light encoding flips nothing, doubled light calls reals fake.
    assert rows["JPEG", 1].flip_rate == 0
    assert rows["darker", 5].flip_rate > 0
    single = [row for row in metrics.robustness if row.disturbance != WORST_CASE]
    for strength in STRENGTHS:
        of_strength = [row for row in single if row.strength == strength]
        worst = rows[WORST_CASE, strength]
        assert worst.accuracy <= min(row.accuracy for row in of_strength)
        assert worst.flip_rate >= max(row.flip_rate for row in of_strength)
    again = evaluate(run, data=dataset, robustness=6, overwrite=True).metrics
    assert again.robustness == metrics.robustness


def test_another_policy_is_another_evaluation_beside_the_first(run, dataset, monkeypatch, card):
    monkeypatch.setattr(
        run_module,
        "choose_again",
        lambda run, card, policy, ratio: card.model_copy(
            update={"threshold": 0.01 * ratio, "policy": policy}
        ),
    )
    evaluate(run, data=dataset)
    metrics = evaluate(run, data=dataset, policy=Policy.COST, cost_ratio=7.0, robustness=4).metrics
    assert (metrics.threshold, metrics.policy) == (0.07, "cost")
    assert (run / "evaluation/test-cost/metrics.json").is_file()
    assert evaluate(run, data=dataset, policy=Policy.FPR_1).folder.name == "test-fpr-1"
    text = (run / "MODEL_CARD.md").read_text("utf-8")
    assert "A score of 0.5500 or more" in text
    assert "threshold 0.0700 (policy `cost`)" in text


def test_seen_and_unseen_are_told_apart_everywhere(run, dataset, card, drawn):
    trained = card.data.model_copy(update={"sources": {"pexels": 3}, "generators": {"sd": 3}})
    write_json(run / "card.json", card.model_copy(update={"data": trained}).model_dump(mode="json"))
    result = evaluate(run, data=dataset)
    seen, unseen = result.metrics.seen
    assert (seen.n_real, seen.n_fake, unseen.n_real, unseen.n_fake) == (3, 3, 3, 2)
    page = (result.folder / "index.html").read_text("utf-8")
    assert page.index("not seen in training") < page.index("By class")
    assert "| sources or generators not seen in training |" in (run / "MODEL_CARD.md").read_text(
        "utf-8"
    )


def test_further_columns_part_the_images(run, dataset, images, tmp_path):
    table = tmp_path / "more.csv"
    images.select("path", mood=pl.lit("calm"), year=2000 + pl.int_range(12) % 3).write_csv(table)
    result = evaluate(run, data=dataset, columns=table)
    assert {part.value for part in result.metrics.slices if part.by == "year"} == {
        "2000",
        "2001",
        "2002",
    }
    assert "mood" in pl.read_parquet(result.folder / "predictions.parquet").columns


def test_a_sample_is_half_of_each_class_and_ignores_row_order(run, dataset):
    folder = evaluate(run, data=dataset).folder
    scored = pl.read_parquet(folder / "predictions.parquet").filter(pl.col("score").is_not_null())
    sample = sample_rows(scored, 6, seed=1)
    assert sample["label"].value_counts().sort("label")["count"].to_list() == [3, 3]
    assert sample_rows(scored.reverse(), 6, seed=1).equals(sample)
    assert len(sample_rows(scored, 500, seed=1)) == 11


def test_a_model_card_is_written_beside_the_run_from_all_evaluations(run, dataset):
    evaluate(run, data=dataset, name="first")
    evaluate(run, data=dataset, robustness=4)
    text = (run / "MODEL_CARD.md").read_text("utf-8")
    assert text.startswith("# lite\n")
    assert text.count("## Evaluation on test") == 2
    assert "Hardest disturbance:" in text
    assert "was not measured" in text
    assert "1 of 5 fakes were called real, 1 of 6 reals were called fake" in text


def test_the_model_card_lists_the_licences_of_training_sources(run, dataset):
    card = read_json(run / "card.json")
    card["data"] |= {"sources": {"web": 7, "own": 2}, "licences": {"web": "CC0-1.0; unknown"}}
    write_json(run / "card.json", card)
    evaluate(run, data=dataset)
    text = (run / "MODEL_CARD.md").read_text("utf-8")
    assert "| source | web | 7 | CC0-1.0; unknown |" in text
    assert "| source | own | 2 | – |" in text


def test_foreign_scores_are_measured_without_a_run(tmp_path, drawn):
    table = tmp_path / "detector.csv"
    table.write_text(
        "path,label,score,style,group\n"
        "a.png,real,0.1,night,g\nb.png,real,0.7,day,g\nc.png,fake,0.9,day,\nd.png,fake,0.8,night,\n"
    )
    result = evaluate_predictions(table, out=tmp_path / "out", threshold=0.75)
    assert (result.metrics.run, result.metrics.split) == ("detector", "all")
    assert result.metrics.accuracy == 1.0
    assert {part.by for part in result.metrics.slices} == {"style"}
    assert result.metrics.n_groups == 3
    assert evaluate_predictions(table, out=tmp_path / "out", threshold=0.75).reused
    with pytest.raises(ArtifactError, match="other arguments"):
        evaluate_predictions(table, out=tmp_path / "out", threshold=0.5)
    page = (tmp_path / "out/index.html").read_text()
    assert "It was given, not fitted." in page


def test_a_threshold_outside_the_scores_range_is_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"threshold 1\.5 is not in"):
        evaluate_predictions(tmp_path / "x.csv", out=tmp_path / "out", threshold=1.5)


DETECTOR = """
def by_name(path):
    if path.name.startswith("04"):
        raise RuntimeError("no memory")
    return 7 if path.name.startswith("06") else 0.9 if path.parent.name == "fake" else 0.1

constant = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_detector.py").write_text(DETECTOR)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_detector"
    sys.modules.pop("my_detector", None)


def test_any_function_is_evaluated_and_its_failures_are_rows(module, images, tmp_path):
    result = evaluate_detector(
        f"{module}:by_name", data=tmp_path / "dataset", out=tmp_path / "out", split=Split.TEST
    )
    assert (result.metrics.n, result.metrics.n_errors, result.metrics.accuracy) == (10, 2, 1.0)
    assert (result.metrics.run, result.metrics.split) == ("my_detector:by_name", "test")
    errors = pl.read_parquet(tmp_path / "out/predictions.parquet")["error"].drop_nulls().to_list()
    assert errors == [
        "RuntimeError: no memory",
        "the detector returned 7.0, not a number from 0 to 1",
    ]
    judged = pl.read_parquet(tmp_path / "out/predictions.parquet")
    for path, digest in judged.select("path", "sha256").iter_rows():
        assert digest == file_digest(tmp_path / "dataset" / path)
    again = evaluate_detector(
        f"{module}:by_name", data=tmp_path / "dataset", out=tmp_path / "out", split=Split.TEST
    )
    assert again.reused


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("my_detector", "not of the form module:function"),
        ("my_detector:missing", "has no function 'missing'"),
        ("my_detector:constant", "has no function 'constant'"),
        ("no_such_module_here:f", "cannot import 'no_such_module_here'"),
    ],
)
def test_a_function_that_is_not_there_is_an_error_in_words(
    module, images, tmp_path, reference, message
):
    with pytest.raises(RecipeError, match=message):
        evaluate_detector(reference, data=tmp_path / "dataset", out=tmp_path / "out")


def test_a_split_that_the_images_do_not_have_is_refused(module, images, tmp_path):
    with pytest.raises(DataError, match="no images in split 'val'"):
        evaluate_detector(
            f"{module}:by_name",
            data=tmp_path / "dataset",
            out=tmp_path / "out",
            split=Split.VAL,
        )
