import numpy as np
import polars as pl
import pytest

from fauxto.audit import shortcuts
from fauxto.audit.records import Rule, Shortcut
from fauxto.audit.shortcuts import find_shortcuts, judge_strength, shortcut_findings


def by_family(images, thumbnails, **options):
    return {s.family: s for s in find_shortcuts(images, thumbnails, **options)}


def is_fake(images):
    return (images["label"] == "fake").to_numpy()


@pytest.fixture(scope="module")
def unrelated(make_tables):
    return make_tables(160)


@pytest.fixture(scope="module")
def found_in_unrelated(unrelated):
    return find_shortcuts(*unrelated)


def test_unrelated_facts_are_no_shortcut(found_in_unrelated):
    found = {shortcut.family: shortcut for shortcut in found_in_unrelated}
    assert list(found) == ["container", "geometry", "colour", "thumbnail", "name"]
    assert {shortcut.strength for shortcut in found.values()} == {"none"}
    assert all(0.35 < shortcut.roc_auc < 0.65 for shortcut in found.values())
    assert {shortcut.note for shortcut in found.values()} == {"All 160 usable images."}
    assert {shortcut.images for shortcut in found.values()} == {160}
    assert shortcut_findings(tuple(found.values())) == ()


def test_format_of_one_class_gives_the_label_away_and_is_named(unrelated):
    images, thumbnails = unrelated
    formats = ["PNG" if fake else "JPEG" for fake in is_fake(images)]
    found = by_family(images.with_columns(format=pl.Series(formats)), thumbnails)
    container = found["container"]
    assert container.strength == "given away"
    assert container.roc_auc == 1
    assert container.rule.text in ("fake if format is PNG", "fake unless format is JPEG")
    assert container.rule.balanced_accuracy == 1
    assert container.balanced_accuracy == 1
    assert container.p_value < 1e-6
    assert found["geometry"].strength == "none"


def test_square_fakes_are_found_with_the_rule_in_words(unrelated):
    images, thumbnails = unrelated
    square = is_fake(images) & (np.arange(images.height) % 5 > 0)
    height = np.where(square, images["width"], images["width"] + 7)
    found = by_family(images.with_columns(height=pl.Series(height, dtype=pl.Int32)), thumbnails)
    geometry = found["geometry"]
    assert geometry.strength in ("strong", "given away")
    assert geometry.rule.text == "fake if width = height"
    assert geometry.rule.balanced_accuracy == pytest.approx(0.9)
    assert geometry.roc_auc_interval[0] < geometry.roc_auc < geometry.roc_auc_interval[1]
    low, high = geometry.balanced_accuracy_interval
    assert low < geometry.balanced_accuracy < high
    assert geometry.balanced_accuracy == pytest.approx(0.9, abs=0.05)  # 4 of 5 fakes, all reals
    squares = set(images["path"].to_numpy()[square])
    others = set(images["path"].to_numpy()[~is_fake(images)])
    assert len(geometry.examples) == 12
    assert set(geometry.examples[:6]) <= squares
    assert set(geometry.examples[6:]) <= others


def test_brightness_is_found_in_colour_and_not_in_geometry(unrelated):
    images, thumbnails = unrelated
    bright = images["brightness"].to_numpy() + 0.5 * is_fake(images)
    found = by_family(images.with_columns(brightness=pl.Series(bright)), thumbnails)
    assert found["colour"].strength in ("strong", "given away")
    assert next(iter(found["colour"].features)) == "brightness"
    assert found["geometry"].strength == "none"


def test_composition_is_found_in_the_thumbnail(unrelated):
    images, thumbnails = unrelated
    left = np.zeros((16, 16, 3), dtype=np.uint8)
    left[:, :8] = 255
    rng = np.random.default_rng(0)
    pictures = [
        np.clip((left if fake else left[:, ::-1]) * 0.5 + rng.integers(0, 99, (16, 16, 3)), 0, 255)
        .astype(np.uint8)
        .tobytes()
        for fake in is_fake(images)
    ]
    found = by_family(images, thumbnails.with_columns(thumb16=pl.Series(pictures)))
    assert found["thumbnail"].strength == "given away"


@pytest.mark.parametrize("style", ["midjourney_{}", "{:08x}-grid"])
def test_name_is_found_but_never_blocks(unrelated, style):
    images, thumbnails = unrelated
    paths = pl.Series(
        f"x/{(style if fake else 'IMG_{}').format(1000 + row)}.jpg"
        for row, fake in enumerate(is_fake(images))
    )
    found = by_family(images.with_columns(path=paths), thumbnails.with_columns(path=paths))
    assert found["name"].strength == "given away"
    (finding,) = shortcut_findings(tuple(found.values()))
    assert finding.severity == "info"
    assert finding.kind == "shortcut.name"


def test_folder_of_a_file_is_not_part_of_its_name(unrelated):
    assert by_family(*unrelated)["name"].strength == "none"  # paths begin with real/ and fake/


def test_pictures_that_each_occur_with_both_labels_prove_no_shortcut(make_tables):
    """Each is a group with as many reals as fakes, so nothing can be told from the labels."""
    images, thumbnails = make_tables(60)
    pairs = (pl.int_range(pl.len()) // 2).cast(pl.String)
    squares = pl.when(pl.col("label") == "fake").then("width").otherwise("height")
    found = by_family(images.with_columns(group=pairs, height=squares), thumbnails)
    assert {shortcut.p_value for shortcut in found.values()} == {1}
    assert {shortcut.strength for shortcut in found.values()} == {"none"}


def test_copies_across_folds_do_not_make_a_shortcut(make_tables):
    """Ungrouped, a fold would hold copies of what the model was fitted on."""
    images, thumbnails = make_tables(60)
    images = pl.concat(
        [
            images.with_columns(path=pl.col("path") + f"{copy}", group=pl.col("path"))
            for copy in range(10)
        ]
    )
    thumbnails = pl.concat(
        [thumbnails.with_columns(path=pl.col("path") + f"{copy}") for copy in range(10)]
    )
    found = by_family(images, thumbnails)
    assert {shortcut.strength for shortcut in found.values()} == {"none"}


@pytest.mark.parametrize(("fakes", "reals"), [(0, 50), (50, 0), (19, 50), (1, 1)])
def test_too_few_images_of_a_class_are_not_judged_and_it_says_why(make_tables, fakes, reals):
    images, thumbnails = make_tables(fakes + reals, label=["fake"] * fakes + ["real"] * reals)
    found = find_shortcuts(images, thumbnails)
    assert {shortcut.strength for shortcut in found} == {None}
    assert all("at least 20" in shortcut.note for shortcut in found)
    assert shortcut_findings(found) == ()


@pytest.mark.parametrize(("different", "judged"), [(19, False), (20, True)])
def test_copies_count_once_among_the_twenty_that_it_takes(make_tables, different, judged):
    images, thumbnails = make_tables(80)
    number = pl.int_range(pl.len()) // 2  # of a picture within its class
    groups = (number % different).cast(pl.String) + pl.col("label")
    images = images.with_columns(group=pl.when(pl.col("label") == "fake").then(groups))
    found = by_family(images, thumbnails)
    assert (found["container"].strength is not None) is judged
    if not judged:
        assert found["container"].note.endswith("the smaller class has 19.")


def test_missing_facts_and_broken_files_are_put_up_with(make_tables):
    images, thumbnails = make_tables(
        100,
        jpeg_quality=[None] * 100,
        jpeg_subsampling=[None] * 100,
        has_exif=[None] * 100,
        saturation=[None if row % 3 else 0.5 for row in range(100)],
        status=["ok"] * 90 + ["truncated"] * 10,
    )
    found = by_family(images, thumbnails.head(90))
    assert {shortcut.images for shortcut in found.values()} == {90}


def test_same_seed_gives_the_same_numbers_whatever_the_row_order(unrelated, found_in_unrelated):
    images, thumbnails = unrelated
    again = find_shortcuts(images.reverse(), thumbnails.sample(fraction=1, shuffle=True, seed=5))
    assert found_in_unrelated == again


def shortcut(strength, **facts):
    known = {"family": "geometry", "title": "size and shape", "note": "All 99 usable images."}
    return Shortcut(**{**known, "images": 99, "strength": strength, "roc_auc": 0.876, **facts})


@pytest.mark.parametrize(
    ("strength", "severity", "words"),
    [
        ("weak", "info", "a weak shortcut, ROC-AUC 0.88"),
        ("strong", "warning", "a strong shortcut, ROC-AUC 0.88"),
        ("given away", "blocking", "the label is given away, ROC-AUC 0.88"),
    ],
)
def test_a_finding_is_as_severe_as_the_shortcut_is_strong(strength, severity, words):
    rule = Rule(text="fake if width = height", balanced_accuracy=0.85, coverage=0.4)
    facts = {"balanced_accuracy": 0.8, "rule": rule, "examples": ("a.jpg", "b.jpg")}
    findings = shortcut_findings((shortcut(strength, **facts), shortcut("none"), shortcut(None)))
    (finding,) = findings
    assert finding.severity == severity
    assert finding.title.endswith(f"{words} (fake if width = height: 85% balanced accuracy)")
    assert finding.evidence == {
        "roc_auc": 0.876, "balanced_accuracy": 0.8, "best_rule_balanced_accuracy": 0.85,
    }  # fmt: skip
    assert (finding.count, finding.rows) == (99, ("a.jpg", "b.jpg"))
    (plain,) = shortcut_findings((shortcut(strength),))
    assert plain.title.endswith(words)
    assert plain.evidence == {"roc_auc": 0.876}


@pytest.mark.parametrize("family", ["container", "geometry", "colour", "thumbnail", "name"])
def test_only_names_never_block_since_no_network_sees_them(family):
    (finding,) = shortcut_findings((shortcut("given away", family=family),))
    assert finding.kind == f"shortcut.{family}"
    assert finding.severity == ("info" if family == "name" else "blocking")


def test_large_data_is_sampled_and_it_says_so(make_tables, monkeypatch):
    monkeypatch.setattr(shortcuts, "MAX_IMAGES", 100)
    found = by_family(*make_tables(150))
    assert {shortcut.images for shortcut in found.values()} == {100}
    assert found["name"].note == "A random 100 of 150 usable images."


def test_p_values_of_unrelated_facts_are_not_small(make_tables):
    p_values = []
    for seed in range(3):
        images, thumbnails = make_tables(60, seed=seed)
        p_values += [s.p_value for s in find_shortcuts(images, thumbnails, seed=seed)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.1


@pytest.mark.parametrize(
    ("auc", "p_value", "strength"),
    [
        (1.0, 0.02, "none"),
        (1.0, 0.01, "given away"),
        (0.59, 1e-9, "none"),
        (0.60, 0.01, "weak"),
        (0.79, 1e-9, "weak"),
        (0.80, 1e-9, "strong"),
        (0.94, 1e-9, "strong"),
        (0.95, 1e-9, "given away"),
        (0.2, 1.0, "none"),
    ],
)
def test_strength_needs_both_a_high_auc_and_a_small_p_value(auc, p_value, strength):
    assert judge_strength(auc, p_value) == strength
