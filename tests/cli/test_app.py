import subprocess
import sys

import pytest

VERBS = (
    "audit", "prepare", "train", "evaluate", "compare", "speed", "explain", "export", "predict",
    "run", "demo", "models",
)  # fmt: skip
HEAVY = ("torch", "torchvision", "timm", "matplotlib", "polars", "numpy", "sklearn", "onnxruntime")


def fauxto(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "fauxto", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_loads_no_heavy_library(verb):
    code = (
        "import sys\n"
        f"sys.argv = ['fauxto', *{[verb] if verb else []!r}, '--help']\n"
        "from fauxto.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', *(m for m in {HEAVY!r} if m in sys.modules))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Usage" in result.stdout
    assert result.stdout.splitlines()[-1].strip() == "loaded:"


def test_usage_errors_exit_with_2():
    assert fauxto("audit").returncode == 2
    assert fauxto("nonsense").returncode == 2


def test_a_file_instead_of_a_verb_is_told_the_verb(tmp_path):
    (tmp_path / "my photo.jpg").touch()
    result = fauxto(tmp_path / "my photo.jpg")
    assert result.returncode == 2
    told = " ".join(result.stderr.replace("│", " ").split())
    assert "is a file or folder, not a verb: fauxto predict '" in told


def test_an_interruption_says_that_the_command_can_go_on():
    code = (
        "import sys; sys.argv = ['fauxto', 'models']\n"
        "import fauxto.cli.models, fauxto.models.specs as specs\n"
        "def stop(*_, **__): raise KeyboardInterrupt\n"
        "import fauxto.cli.console as console; console.print_table = stop\n"
        "from fauxto.cli.app import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 130
    assert "the same command goes on" in result.stderr


def test_an_error_for_the_reader_is_one_line_and_exit_1(tmp_path):
    result = fauxto("audit", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert "nowhere" in result.stderr


def test_what_the_system_refuses_is_not_called_a_fault_of_fauxto(tmp_path):
    result = fauxto("audit", "a" * 5000, "--out", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr.startswith("error: cannot use aaa")
    assert result.stderr.endswith("aaa: File name too long\n")


def test_a_missing_extra_is_named(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        f"sys.argv = ['fauxto', 'train', {str(tmp_path)!r}, '--out', {str(tmp_path / 'x')!r}]\n"
        "from fauxto.cli.app import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: this command needs an optional part")
    assert "fauxto[train]" in result.stderr


def test_debug_shows_where_an_error_arose(tmp_path):
    result = fauxto("audit", tmp_path / "nowhere", "--out", tmp_path / "out", "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_a_dry_run_on_data_that_are_not_prepared_says_so_and_writes_nothing(tmp_path):
    result = fauxto("train", tmp_path, "--out", tmp_path / "run", "--dry-run")
    assert result.returncode == 1
    assert "fauxto prepare" in result.stderr
    assert not (tmp_path / "run").exists()


def test_an_unknown_key_is_refused_by_its_path(tmp_path):
    result = fauxto("train", tmp_path, "--out", tmp_path / "run", "--set", "train.learning_rat=1")
    assert result.returncode == 1
    assert "learning_rat" in result.stderr


def test_models_lists_the_networks_of_the_report():
    result = fauxto("models")
    assert result.returncode == 0
    for name in ("resnet18", "resnet50", "convnextv2_tiny", "convnextv2_base", "vit_base"):
        assert name in result.stdout
