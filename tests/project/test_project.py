import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fauxto
from fauxto import verbs
from fauxto.core.recipe import load_recipe, recipe_names

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_shows_the_two_commands_and_the_makefile_has_them():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("demo", "test"):
        assert f"make {target}" in README
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_the_command_line_reference_is_fresh(tmp_path):
    fresh = tmp_path / "reference.md"
    subprocess.run(
        [
            sys.executable, "-m", "typer", "fauxto.cli.app", "utils", "docs",
            "--name", "fauxto", "--title", "Command line", "--output", fresh,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    committed = (ROOT / "docs/reference.md").read_text("utf-8")
    assert fresh.read_text("utf-8") == committed, "run: make docs"


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == fauxto.__version__


def test_every_public_name_can_be_had_and_a_wrong_one_is_an_attribute_error():
    for module in (fauxto, verbs):
        for name in module.__all__:
            assert callable(getattr(module, name))
        with pytest.raises(AttributeError, match="nothing_like_this"):
            module.nothing_like_this  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("torch", "polars", "numpy")
    code = f"import sys, fauxto.verbs; print(*(m for m in {heavy} if m in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_every_direct_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(entry for extra in extras for entry in extra)]
    locked = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()
        if "==" in line
    }
    names = {re.split(r"[>\[=<]", entry)[0].lower() for entry in wanted} - {"fauxto"}
    assert names <= locked


@pytest.mark.parametrize("name", recipe_names())
def test_the_recipes_of_the_study_are_all_there_and_valid(name):
    assert load_recipe(name).model.name
    assert {f"report/{row}" for row in (
        "resnet18", "resnet50", "convnextv2_tiny", "convnextv2_base", "vit_base_patch16_224",
    )} <= set(recipe_names())  # fmt: skip


def test_no_module_is_longer_than_400_lines():
    long = {
        str(module.relative_to(ROOT)): lines
        for folder in ("src", "scripts", "bench")
        for module in (ROOT / folder).rglob("*.py")
        if (lines := module.read_text("utf-8").count("\n")) > 400
    }
    assert long == {}


def test_the_sample_changes_name_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    samples = text.split("sample changes and where they go")[1].split("## Habits")[0]
    named = re.findall(r"`((?:[\w<>]+/)+[\w<>]*(?:\.\w+)?)`", samples)
    assert len(named) >= 12
    for name in named:
        pattern = name.replace("<verb>", "*")
        places = (ROOT / "src/fauxto", ROOT)
        assert any(list(place.glob(pattern)) for place in places), name


def test_the_citation_has_the_version_and_licence_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {project['version']}" in citation
    assert f"license: {project['license']}" in citation


def test_the_model_of_costs_on_the_page_is_what_its_script_prints():
    script = ROOT / "bench/scale_model.py"
    printed = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONUTF8": "1"},
    ).stdout
    assert printed in (ROOT / "docs/scale.md").read_text("utf-8")
