import csv
import io
import json

import numpy as np
import polars as pl
import pytest

from fauxto.compare.run import compare, read_comparison
from fauxto.compare.tables import cells, page_table
from fauxto.core.artifacts import read_json
from fauxto.core.errors import ArtifactError, DataError, RecipeError
from fauxto.data.table import write_table
from fauxto.metrics.parts import ALL_IMAGES, MODEL, SEEN, UNSEEN, Control, measure_part

LABELS = np.repeat([0, 1], 100)


@pytest.fixture
def three_runs(make_run, make_table, make_card, flip):
    """One clearly worse model and two that differ on three images."""
    wrong = {"worse": list(range(0, 200, 5)), "good": [1, 2, 3], "better": [4]}
    return [
        make_run(
            name,
            make_table(flip(LABELS, rows), LABELS),
            card=make_card(name, batch_size=32 * (i + 1), epochs=4 + i),
            validation=make_table(flip(LABELS, rows), LABELS, split="val"),
        )
        for i, (name, rows) in enumerate(wrong.items())
    ]


def test_table_has_the_columns_of_the_study_in_every_format(three_runs, tmp_path):
    result = compare(three_runs, out=tmp_path / "out")
    assert [row.model for row in result.rows] == ["better", "good", "worse"]
    markdown = (tmp_path / "out/table.md").read_text().splitlines()
    assert markdown[0].startswith("better and good share the first place.")
    assert markdown[2].startswith("| Model | Batch size | Learning rate | Epochs | Accuracy (%) |")
    assert markdown[4].startswith("| better | 96 | 5e-5 | 6 | 99.50 |")
    assert "| 0.99 / 1.00 | 1.00 / 0.99 | 1.00 / 0.99 |" in markdown[4]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out/table.csv").read_text())))
    assert float(rows[2]["accuracy"]) == 0.8
    assert (rows[2]["false_negatives"], rows[2]["false_positives"]) == ("20", "20")
    latex = (tmp_path / "out/table.tex").read_text()
    assert r"Accuracy (\%)" in latex
    assert latex.count(r"\begin{table}") == 2  # results and costs
    assert latex.count(r"\\") == 2 * 4
    document = json.loads((tmp_path / "out/comparison.json").read_text())
    assert document["schema"] == 1


def test_a_baseline_as_good_as_the_models_is_the_first_thing_said(
    make_run, make_table, flip, tmp_path
):
    runs = []
    for name, wrong in (("one", list(range(180, 200))), ("two", [])):
        scores = flip(LABELS, wrong)
        controls = tuple(
            Control(
                scorer=scorer,
                images=ALL_IMAGES,
                part=measure_part(scorer, LABELS, found, 0.5, groups=[None] * 200),
            )
            for scorer, found in ((MODEL, scores), ("file facts", flip(LABELS, [199])))
        )
        runs.append(make_run(name, make_table(scores, LABELS), controls=controls))
    compare(runs, out=tmp_path / "out")
    said = read_comparison(tmp_path / "out").shortcut
    assert said is not None
    assert "as well as one: ROC-AUC" in said  # two is better than the baseline
    assert said.endswith("right on 99.5 % of them against 90.0 %.")
    assert (tmp_path / "out/table.md").read_text().startswith(said)
    assert said in (tmp_path / "out/table.tex").read_text().replace("\\", "")
    page = (tmp_path / "out/index.html").read_text()
    assert page.index("never sees a picture") < page.index("is the most accurate")


def test_what_decides_stands_first_in_the_table_of_the_page(three_runs, tmp_path):
    rows = compare(three_runs, out=tmp_path / "out").rows
    table = page_table(rows)
    assert table[0][:5] == ["Model", "Rank", "Accuracy (%)", "95 % interval", "ROC-AUC"]
    assert table[1][:3] == ["better", "1", "99.50"]
    assert all(
        sorted(line) == sorted(cells(row)) for line, row in zip(table[1:], rows, strict=True)
    )


def test_seen_stands_beside_unseen_in_every_summary(make_run, make_table, flip, tmp_path):
    scores = flip(LABELS, [1, 2, 3, 150])
    known = np.arange(200) % 2 == 0
    parts = tuple(
        measure_part(name, LABELS[rows], scores[rows], 0.5, groups=[None] * rows.sum())
        for name, rows in ((SEEN, known), (UNSEEN, ~known))
    )
    runs = [make_run(name, make_table(scores, LABELS), seen=parts) for name in ("one", "two")]
    compare(runs, out=tmp_path / "out")
    comparison = read_comparison(tmp_path / "out")
    assert comparison.rows[0].unseen.accuracy == 0.98
    assert comparison.elsewhere.endswith(
        "one 98.0 %, 98.0 % on seen ones; two 98.0 %, 98.0 % on seen ones."
    )
    low, high = comparison.rows[0].unseen.intervals["accuracy"]
    told = f"98.0 ({low * 100:.1f} to {high * 100:.1f})"
    for name in ("table.md", "table.tex", "index.html"):
        text = (tmp_path / "out" / name).read_text()
        assert told in text
        assert "one 98.0 " in text
    (line, _) = csv.DictReader(io.StringIO((tmp_path / "out/table.csv").read_text()))
    assert (line["seen_n_real"], line["unseen_n_fake"]) == ("50", "50")
    assert float(line["unseen_accuracy_low"]) == low


@pytest.mark.parametrize("all_seen", [True, False])
def test_where_nothing_is_unseen_it_is_said(make_run, make_table, flip, tmp_path, all_seen):
    scores = flip(LABELS, [1])
    part = measure_part(SEEN, LABELS, scores, 0.5, groups=[None] * 200)
    run = make_run("one", make_table(scores, LABELS), seen=(part,) if all_seen else ())
    compare([run], out=tmp_path / "out")
    expected = "fauxto held-out" if all_seen else "is not known"
    assert expected in read_comparison(tmp_path / "out").elsewhere
    assert expected in (tmp_path / "out/table.md").read_text()


def test_how_long_training_took_changes_nothing(make_run, make_table, make_card, flip, tmp_path):
    for name, seconds in (("a", 10.0), ("b", 99.0)):
        run = make_run(
            f"{name}/net",
            make_table(flip(LABELS, [1]), LABELS),
            card=make_card("net", wall_time_s=seconds),
        )
        compare([run], out=tmp_path / name / "out")
    for name in ("comparison.json", "table.csv", "table.md", "table.tex", "index.html"):
        one, two = (tmp_path / run / "out" / name for run in ("a", "b"))
        assert one.read_bytes() == two.read_bytes()


def test_ranks_have_ties_where_the_test_set_cannot_tell(three_runs, tmp_path):
    rows = compare(three_runs, out=tmp_path / "out").rows
    assert {row.model: row.rank for row in rows} == {"better": 1, "good": 1, "worse": 3}
    comparison = read_comparison(tmp_path / "out")
    assert comparison.summary == "better and good share the first place."
    sentences = [pair.sentence for pair in comparison.pairs]
    assert any("good and better cannot be told apart" in text for text in sentences)
    assert any(text.startswith("good is more accurate than worse") for text in sentences)


def test_average_is_chosen_on_validation_and_confirmed_on_test(
    make_run, make_table, flip, tmp_path
):
    # On validation b helps a and c spoils it; on the test images it is the other way round.
    on_validation = {"a": [], "b": [2], "c": list(range(0, 200, 3))}
    on_test = {"a": [1], "b": list(range(0, 200, 3)), "c": [2]}
    runs = [
        make_run(
            name,
            make_table(flip(LABELS, on_test[name]), LABELS),
            validation=make_table(flip(LABELS, rows), LABELS, split="val"),
        )
        for name, rows in on_validation.items()
    ]
    compare(runs, out=tmp_path / "out")
    average = read_comparison(tmp_path / "out").average
    assert (average.models, average.single) == (("a", "b"), "a")
    assert average.val_accuracy == 1
    assert average.accuracy < 0.9
    assert average.against_single.second == "a"
    assert average.sentence.startswith("a is more accurate than the mean of a and b")


def test_no_average_without_common_validation_scores(make_run, make_table, flip, tmp_path):
    table = make_table(flip(LABELS, [1]), LABELS)
    runs = [make_run("a", table, validation=table), make_run("b", table)]
    compare(runs, out=tmp_path / "out")
    assert read_comparison(tmp_path / "out").average is None


def test_runs_on_other_images_are_refused_with_the_difference(make_run, make_table, flip, tmp_path):
    table = make_table(flip(LABELS, [1]), LABELS)
    runs = [make_run("a", table), make_run("b", table.head(199), data="e" * 64)]
    with pytest.raises(DataError, match=r"200 and 199 images; 1 only in a, such as test/00199.png"):
        compare(runs, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_with_other_labels_or_contents_are_refused(make_run, make_table, flip, tmp_path):
    table = make_table(flip(LABELS, [1]), LABELS)
    relabelled = table.with_columns(
        label=pl.when(pl.col("path") == "test/00000.png").then(pl.lit("fake")).otherwise("label")
    )
    changed = table.with_columns(sha256=pl.col("sha256").str.replace("0000007", "0000008"))
    first = make_run("a", table)
    with pytest.raises(DataError, match=r"1 with another label, such as test/00000.png"):
        compare([first, make_run("b", relabelled, data="e" * 64)], out=tmp_path / "out")
    with pytest.raises(DataError, match="with another content, such as test/"):
        compare([first, make_run("c", changed, data="f" * 64)], out=tmp_path / "out")


def test_an_evaluation_that_is_not_there_is_named_with_those_that_are(three_runs, tmp_path):
    with pytest.raises(ArtifactError, match=r"no evaluation 'heldout' \(it has: test\)"):
        compare(three_runs, out=tmp_path / "out", evaluation="heldout")


def test_no_run_or_the_same_twice_is_refused(three_runs, tmp_path):
    for runs in ([], [three_runs[0], three_runs[0]]):
        with pytest.raises(RecipeError, match="each of them once"):
            compare(runs, out=tmp_path / "out")


def test_a_single_run_gets_its_row_and_no_pairs(three_runs, tmp_path):
    result = compare(three_runs[:1], out=tmp_path / "out")
    assert len(result.rows) == 1
    comparison = read_json(tmp_path / "out" / "comparison.json")
    assert comparison["pairs"] == []
    assert "Which of them differ" not in (tmp_path / "out" / "index.html").read_text()
    assert comparison["average"] is None
    assert "nothing to compare" in (tmp_path / "out" / "table.md").read_text()


def test_equal_names_are_told_apart_by_their_folders(
    make_run, make_table, make_card, flip, tmp_path
):
    table = make_table(flip(LABELS, [1]), LABELS)
    runs = [make_run(folder, table, card=make_card("same")) for folder in ("a", "b")]
    rows = compare(runs, out=tmp_path / "out").rows
    assert sorted(row.model for row in rows) == ["a", "b"]
    assert [row.rank for row in rows] == [1, 1]


def test_foreign_scores_stand_beside_a_run(make_run, make_table, flip, tmp_path):
    table = make_table(flip(LABELS, [1]), LABELS)
    run, other = make_run("run", table), make_run("foreign", table)
    rows = compare([run, other / "evaluation/test"], out=tmp_path / "out").rows
    foreign = next(row for row in rows if row.model == "foreign")
    assert foreign.batch_size is None
    assert "| foreign | – | – | – |" in (tmp_path / "out/table.md").read_text()


def test_a_name_cannot_break_page_or_tables(make_run, make_table, make_card, flip, tmp_path):
    table = make_table(flip(LABELS, [1]), LABELS)
    name = "a_b & <script>|50%"
    runs = [make_run("x", table, card=make_card(name)), make_run("y", table)]
    compare(runs, out=tmp_path / "out")
    assert (
        r"a\_b \& \textless{}script\textgreater{}|50\%" in (tmp_path / "out/table.tex").read_text()
    )
    assert r"| a_b & <script>\|50% |" in (tmp_path / "out/table.md").read_text()
    assert "<script>|50%" not in (tmp_path / "out/index.html").read_text()


def test_order_of_runs_changes_no_number(three_runs, tmp_path):
    compare(three_runs, out=tmp_path / "one")
    compare(three_runs[::-1], out=tmp_path / "two")
    one, two = read_comparison(tmp_path / "one"), read_comparison(tmp_path / "two")
    assert one.rows == two.rows
    assert (tmp_path / "one/table.csv").read_text() == (tmp_path / "two/table.csv").read_text()


def test_a_second_call_gives_the_stored_result_and_bytes_are_equal(three_runs, tmp_path):
    first = compare(three_runs, out=tmp_path / "out")
    again = compare(three_runs, out=tmp_path / "out")
    assert (first.reused, again.reused) == (False, True)
    assert again.rows == first.rows
    compare(three_runs, out=tmp_path / "other")
    for name in ("comparison.json", "index.html", "table.csv", "table.md", "table.tex"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_changed_evaluation_is_noticed(three_runs, tmp_path, make_table, flip):
    compare(three_runs, out=tmp_path / "out")
    write_table(
        three_runs[0] / "evaluation/test/predictions.parquet", make_table(flip(LABELS, [9]), LABELS)
    )
    with pytest.raises(ArtifactError, match="other arguments or data"):
        compare(three_runs, out=tmp_path / "out")


def test_images_of_one_class_are_compared_by_accuracy_alone(make_run, make_table, flip, tmp_path):
    labels = np.ones(60, int)
    runs = [
        make_run("a", make_table(flip(labels, [1]), labels)),
        make_run("b", make_table(flip(labels, list(range(30))), labels)),
    ]
    rows = compare(runs, out=tmp_path / "out").rows
    assert [row.rank for row in rows] == [1, 2]
    assert rows[0].roc_auc is None
    assert read_comparison(tmp_path / "out").pairs[0].p_delong is None


def test_groups_keep_a_difference_of_copies_from_counting(make_run, make_table, flip, tmp_path):
    # The second model fails on one picture that the set holds 30 times.
    groups = ["copies"] * 30 + [f"g{i}" for i in range(170)]
    tables = [
        make_table(flip(LABELS, rows), LABELS, groups=groups) for rows in ([], list(range(30)))
    ]
    compare([make_run("a", tables[0]), make_run("b", tables[1])], out=tmp_path / "out")
    (pair,) = read_comparison(tmp_path / "out").pairs
    assert pair.p_mcnemar_holm < 0.001
    assert not pair.differ
    assert "image by image, but the images that decide it form too few groups" in pair.sentence


def test_groups_ask_for_more_images_than_single_images_do(make_run, make_table, flip, tmp_path):
    wrong = {"a": [0, 1, 2, 3], "b": [*range(100, 112)]}
    needed = []
    for groups in (None, [f"g{row // 4}" for row in range(200)]):
        folder = tmp_path / ("grouped" if groups else "alone")
        runs = [
            make_run(folder / name, make_table(flip(LABELS, rows), LABELS, groups=groups))
            for name, rows in wrong.items()
        ]
        compare(runs, out=folder / "out")
        (pair,) = read_comparison(folder / "out").pairs
        assert not pair.differ
        needed.append(pair.more_images + 200)
    alone, grouped = needed
    # Whole groups of four flip together, so that four images tell as much as one.
    assert grouped / alone == pytest.approx(4, rel=0.15)


def test_images_that_fool_every_model_are_counted(three_runs, tmp_path):
    compare(three_runs, out=tmp_path / "out")
    comparison = read_comparison(tmp_path / "out")
    assert (comparison.all_right, comparison.all_wrong) == (200 - 44, 0)


def test_auc_has_a_sentence_of_its_own(three_runs, tmp_path):
    compare(three_runs, out=tmp_path / "out")
    pairs = {(p.first, p.second): p for p in read_comparison(tmp_path / "out").pairs}
    worse = pairs["worse", "good"]
    assert worse.auc_differ
    assert worse.auc_sentence.startswith("good ranks images better than worse: its ROC-AUC is ")
    assert pairs["good", "better"].auc_sentence.startswith("By ROC-AUC good and better cannot")


def test_measured_cost_is_in_every_format(three_runs, write_speed, tmp_path):
    write_speed(three_runs[0], latency_ms=4.0)
    write_speed(three_runs[1], latency_ms=8.0)
    compare(three_runs, out=tmp_path / "out")
    costs = (tmp_path / "out/table.md").read_text().split("\n\n")[2].splitlines()
    assert costs[0].startswith("| Model | Parameters (M) | GFLOPs | Weights (MB) |")
    assert "GPU" not in costs[0]
    by_model = {line.split(" | ")[0].strip("| "): line for line in costs[2:]}
    assert "| 11.2 | 1.81 |" in by_model["better"]  # not measured, but known of the network
    assert by_model["better"].endswith("| – | – | – | – | – | – |")
    assert by_model["good"].endswith("| 8.0 | 125.0 | 300 | 8.0 | 125.0 | 300 |")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out/table.csv").read_text())))
    assert {row["model"]: row["onnx_latency_ms"] for row in rows} == {
        "better": "", "good": "8.0", "worse": "4.0",
    }  # fmt: skip
    assert "fauxto speed RUN" in (tmp_path / "out/index.html").read_text()


def test_a_new_measurement_is_noticed(three_runs, write_speed, tmp_path):
    compare(three_runs, out=tmp_path / "out")
    write_speed(three_runs[0])
    with pytest.raises(ArtifactError, match="other arguments or data"):
        compare(three_runs, out=tmp_path / "out")


def test_times_of_other_machines_are_said_to_be_incomparable(three_runs, write_speed, tmp_path):
    for run, processor in zip(three_runs, "AAB", strict=True):
        write_speed(run, processor=processor)
    compare(three_runs, out=tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text()
    assert "their times cannot be compared" in page
    assert "multiply-adds of one image (GFLOPs)" in page
    assert "one image with ONNX Runtime" not in page


def test_accuracy_is_plotted_against_time_where_all_were_measured(
    three_runs, write_speed, tmp_path
):
    for run, latency_ms in zip(three_runs, (2.0, 4.0, 3.0), strict=True):
        write_speed(run, latency_ms=latency_ms)
    compare(three_runs, out=tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text()
    assert "one image with ONNX Runtime, 2 threads (ms)" in page
    # worse is quickest, better most accurate; good is slower and less accurate than better.
    assert 'aria-label="Accuracy against cost; on the front: better, worse."' in page


def test_a_damaged_measurement_is_an_error_that_names_the_file(three_runs, tmp_path):
    (three_runs[0] / "speed.json").write_text('{"schema": 1}')
    with pytest.raises(ArtifactError, match=r"speed\.json is not a result of 'fauxto speed'"):
        compare(three_runs, out=tmp_path / "out")
