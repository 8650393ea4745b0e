from types import SimpleNamespace

from fauxto.report.page import _environment


def lead(**comparison):
    """Return the head of the report, above its first chapter."""
    template = _environment.get_template("story.html")
    comparison = {"n": 52, "summary": "lite is the most accurate.", "elsewhere": ""} | comparison
    context = template.new_context({
        "preface": "", "files": 291, "data": "originals", "chapters": [1, 2],
        "comparison": SimpleNamespace(**comparison),
    })  # fmt: skip
    return "".join(template.blocks["lead"](context))


def test_the_report_says_before_any_result_that_a_baseline_is_as_good():
    said = "The baseline 'file facts' is right on 100.0 %."
    text = lead(shortcut=said)
    place = text.index("The baseline &#39;file facts&#39; is right on 100.0 %.")
    assert place < text.index("lite is the most accurate.")
    assert "may be all that the networks learnt" in text


def test_a_report_without_a_baseline_begins_with_its_result():
    text = lead(shortcut=None)
    assert "baseline" not in text
    assert "callout" not in text
    assert "52 test images kept out of training" in text
