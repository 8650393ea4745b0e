import pytest

from fauxto.audit.quality import find_poor_quality


def by_kind(images):
    return {f.kind.removeprefix("quality."): f for f in find_poor_quality(images)}


def test_usual_pictures_give_no_finding(make_tables):
    images, _ = make_tables(100, width=400, height=300)
    assert find_poor_quality(images) == ()


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"brightness": 0.02}, "dark"),
        ({"brightness": 0.99}, "bright"),
        ({"contrast": 0.0}, "plain"),
        ({"sharpness": 0.5}, "blurred"),
        ({"saturation": 0.0}, "grey"),
        ({"width": 60}, "small"),
        ({"width": 4000}, "shape"),
    ],
)
def test_each_kind_of_poor_picture_is_found(make_tables, columns, kind):
    images, _ = make_tables(10, **{"width": 400, "height": 300, **columns})
    found = by_kind(images)
    assert kind in found
    assert found[kind].count == 10
    assert found[kind].severity == "info"


def test_kind_that_one_class_has_more_of_is_a_warning(make_tables):
    saturation = [0.0 if row % 2 and row < 40 else 0.4 for row in range(100)]
    images, _ = make_tables(100, width=400, height=300, saturation=saturation)
    finding = by_kind(images)["grey"]
    assert finding.severity == "warning"
    assert "40% of fake and 0% of real" in finding.title


def test_unknown_values_are_not_judged(make_tables):
    images, _ = make_tables(10, width=400, height=300, sharpness=[None] * 10)
    assert find_poor_quality(images) == ()


USUAL = {"width": 400, "height": 300}


@pytest.mark.parametrize(
    ("kind", "column", "poor", "fair"),
    [
        ("dark", "brightness", 0.08, 0.081),
        ("bright", "brightness", 0.92, 0.919),
        ("plain", "contrast", 0.03, 0.031),
        ("blurred", "sharpness", 10.0, 10.1),
        ("blurred", "contrast", 20.1 / 255, 19.9 / 255),  # of a picture with sharpness 4
        ("grey", "saturation", 0.01, 0.011),
        ("small", "height", 127, 128),
        ("shape", "width", 900, 899),
    ],
)
def test_limits_of_what_is_poor(make_tables, kind, column, poor, fair):
    sharpness = 4.0 if column == "contrast" and kind == "blurred" else 50.0
    facts = {**USUAL, "sharpness": sharpness, "contrast": 0.2, column: [poor, fair]}
    images, _ = make_tables(2, **facts)
    assert by_kind(images)[kind].rows == (images["path"][0],)


@pytest.mark.parametrize(
    ("kind", "column", "worst_first"),
    [
        ("dark", "brightness", [0.01, 0.05, 0.07]),
        ("bright", "brightness", [0.99, 0.95, 0.93]),
        ("plain", "contrast", [0.0, 0.01, 0.02]),
        ("blurred", "sharpness", [0.1, 1.0, 3.0]),
        ("small", "width", [16, 64, 100]),
        ("shape", "width", [3000, 1500, 900]),
        ("shape", "height", [30, 60, 120]),
    ],
)
def test_worst_example_comes_first(make_tables, kind, column, worst_first):
    middle, worst, least = 1, 0, 2
    values = [worst_first[row] for row in (middle, worst, least)]
    images, _ = make_tables(3, **{**USUAL, column: values})
    middle, worst, least = images["path"]
    assert by_kind(images)[kind].rows == (worst, middle, least)


@pytest.mark.parametrize(("fakes", "severity"), [(9, "info"), (10, "warning")])
def test_ten_points_more_in_one_class_are_a_warning(make_tables, fakes, severity):
    saturation = [0.0 if row % 2 and row < 2 * fakes else 0.4 for row in range(200)]
    finding = by_kind(make_tables(200, **USUAL, saturation=saturation)[0])["grey"]
    assert finding.severity == severity
    assert finding.evidence["share_fake"] == fakes / 100
    assert finding.evidence["share_real"] == 0
    assert ("% of fake" in finding.title) is (severity == "warning")
    assert ("even it out" in finding.advice) is (severity == "warning")


def test_a_class_without_an_image_has_a_share_of_zero(make_tables):
    finding = by_kind(make_tables(4, **USUAL, label="real", brightness=0.0)[0])["dark"]
    assert finding.evidence == {"real": 4, "fake": 0, "share_real": 1, "share_fake": 0}


def test_weak_edges_of_a_dark_picture_are_not_called_blurred(make_tables):
    images, _ = make_tables(2, width=400, height=300, sharpness=8.0, contrast=[0.05, 0.2])
    assert by_kind(images)["blurred"].rows == (images["path"][1],)
