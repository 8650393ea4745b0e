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


def test_worst_example_comes_first(make_tables):
    images, _ = make_tables(3, width=400, height=300, brightness=[0.05, 0.01, 0.5])
    assert by_kind(images)["dark"].rows == (images["path"][1], images["path"][0])


def test_weak_edges_of_a_dark_picture_are_not_called_blurred(make_tables):
    images, _ = make_tables(2, width=400, height=300, sharpness=8.0, contrast=[0.05, 0.2])
    assert by_kind(images)["blurred"].rows == (images["path"][1],)
