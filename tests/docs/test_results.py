"""Numbers in the README and on the pages come from the files in docs/results."""

import re
import tomllib

import pytest

import pages
import results
import run_benches
from fauxto.metrics.intervals import CONFIDENCE
from fauxto.models.specs import MODELS

README = (pages.ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", results.PAGES)
def test_tables_of_results_are_fresh(name):
    page = (pages.ROOT / name).read_text("utf-8")
    assert "<!-- results:" in page
    assert results.refresh(page) == page, "run: make readme"


def test_the_page_of_benchmarks_is_made_of_the_kept_runs():
    assert run_benches.PAGE.read_text("utf-8") == run_benches.make_page()
    assert list(run_benches.KEPT.glob("*.json"))


def test_a_changed_result_makes_the_tables_stale(monkeypatch):
    found = results.read_splits()
    changed = found.model_copy(update={"fakes_missed": found.fakes_missed + 1})
    monkeypatch.setattr(results, "read_splits", lambda: changed)
    assert results.refresh(README) != README


def test_the_results_agree_with_themselves():
    splits, bundled = results.read_splits(), results.read_bundled()
    (given,) = (row for row in splits.rows if row.split == "given")
    wrong = splits.fakes_missed + splits.reals_called_fake
    assert given.n == splits.fakes + splits.reals
    assert given.accuracy == pytest.approx(1 - wrong / given.n, abs=5e-4)
    whole, *parts = bundled.groups
    assert whole.n == sum(part.n for part in parts)
    for group in bundled.groups:
        assert group.roc_auc_interval[0] <= group.roc_auc <= group.roc_auc_interval[1]


def strip_what_is_checked_elsewhere(text):
    text = re.sub(r"<!-- results:.*?<!-- end -->", "", text, flags=re.DOTALL)
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"`[^`]*`", "", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


def test_the_readme_has_no_number_but_those_of_a_file():
    project = tomllib.loads((pages.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = strip_what_is_checked_elsewhere(README)
    python = project["requires-python"].removeprefix(">=")
    licence = project["license"].replace("-", " ")
    known = (
        f"Python {python}", licence, f"{100 * CONFIDENCE:.0f} % intervals",
        "CC BY 4.0", "BSD 3", "GPT-4o", "in 2026",
    )  # fmt: skip
    for words in known:
        assert words in README, words
        text = text.replace(words, "")
    for name in (
        "ResNet-18",
        "ResNet-50",
        "ConvNeXtV2-Tiny",
        "ConvNeXtV2-Base",
        "ConvNeXtV2",
        "ViT-B/16",
    ):
        assert name in README
        text = text.replace(name, "")
    assert "efficientnet_lite0" in MODELS
    left = re.findall(r".*\d.*", text.replace("EfficientNet-Lite0", ""))
    assert left == []
