import pytest

from fauxto.core.errors import RecipeError
from fauxto.pipeline.config import load_config

GOOD = """
data = "pictures"
[prepare]
size_px = 96
[[train]]
name = "a"
recipe = "lite"
[[train]]
name = "b"
recipe = "mine.toml"
set = ["train.lr=1e-3"]
[explain]
images = ["one.jpg"]
"""


def write(tmp_path, text):
    path = tmp_path / "chain.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_configuration(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    assert config.data == tmp_path / "pictures"
    assert [section.recipe for section in config.train] == ["lite", str(tmp_path / "mine.toml")]
    assert config.explain.images == (str(tmp_path / "one.jpg"),)
    assert config.prepare.size_px == 96


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('name = "b"', 'name = "a"'), "same name"),
        (
            GOOD.replace("size_px", "sise_px"),
            r"prepare\.sise_px is not a setting; \[prepare\] has size_px, fit, ",
        ),
        (GOOD.replace('name = "b"', 'name = "../b"'), r"^[^;]*: name in \[\[train\]\] 2 = '../b'"),
        (GOOD.replace('name = "b"', ""), r"^[^;]*: name in \[\[train\]\] 2 is missing$"),
        (
            GOOD.replace('recipe = "lite"', 'recipy = "lite"'),
            r"recipy in \[\[train\]\] 1 is not a setting; \[train\] has name, recipe, set",
        ),
        ("sead = 1\n" + GOOD, "sead is not a setting; the file has schema, title, "),
        ('data = "x"', "train is missing"),
        ("data = ", "not valid TOML"),
    ],
)
def test_a_fault_in_the_configuration_is_named_by_its_place(tmp_path, text, message):
    with pytest.raises(RecipeError, match=message):
        load_config(write(tmp_path, text))


def test_a_missing_configuration_is_an_error_for_the_reader(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read .*gone\.toml .*data = .*\[\[train\]\]"):
        load_config(tmp_path / "gone.toml")
