"""Every command on a page parses, and is run or says why not."""

import re
import shutil
import subprocess

import pytest
from typer.main import get_command

import pages
from fauxto.cli.app import app

COMMANDS = ("fauxto", "make", "pip", "python", "curl", "torchrun", "docker")


def page_ids():
    return [str(page.relative_to(pages.ROOT)) for page in pages.find_pages()]


def is_run(name):
    blocks = pages.read_blocks(pages.ROOT / name)
    return any(block.language in {"sh", "python"} and block.reason is None for block in blocks)


def parse(words):
    """Parse a command line as the terminal would, without running it."""
    group = get_command(app)
    with group.make_context("fauxto", words[1:2], resilient_parsing=True) as root:
        command = group.get_command(root, words[1])
        assert command is not None, f"fauxto has no command {words[1]}"
        command.make_context(words[1], words[2:], parent=root)


@pytest.mark.parametrize("name", page_ids())
def test_every_command_line_in_a_block_parses(name):
    for block in pages.read_blocks(pages.ROOT / name):
        if block.language not in {"sh", "console"}:
            first = {line.partition(" ")[0] for line in block.text.splitlines()}
            assert block.language or first.isdisjoint(COMMANDS), f"{block.where}: not marked sh"
            continue
        for words in pages.split_commands(block.text):
            if words[1].startswith("--"):  # the program's own flags
                continue
            try:
                parse(words)
            except Exception as error:  # noqa: BLE001 - whatever the parser says
                shown = getattr(error, "message", None) or error
                pytest.fail(f"{block.where}: {' '.join(words)}: {shown}")


@pytest.mark.parametrize("name", page_ids())
def test_every_command_in_running_text_exists_with_its_flags(name):
    group = get_command(app)
    for words in pages.read_inline(pages.ROOT / name):
        verb = words[1] if len(words) > 1 else ""
        if not re.fullmatch(r"[a-z-]+", verb) or verb.startswith("-"):
            continue
        assert verb in group.commands, f"{name}: {' '.join(words)}"
        flags = {flag for option in group.commands[verb].params for flag in option.opts}
        for word in words[2:]:
            if word.startswith("-") and word != "-":
                assert word in flags, f"{name}: {' '.join(words)} has no {word}"


@pytest.mark.parametrize("name", page_ids())
def test_every_make_target_on_a_page_exists(name):
    makefile = (pages.ROOT / "Makefile").read_text("utf-8")
    for block in pages.read_blocks(pages.ROOT / name):
        for target in re.findall(r"^make ([a-z-]+)", block.text, flags=re.MULTILINE):
            assert f"\n{target}:" in makefile, f"{block.where}: make {target}"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*filter(is_run, page_ids())])
def test_the_commands_of_a_page_run(name, finished, environment, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(finished, place)
    pages.keep_only_what_is_there_before(pages.ROOT / name, place)
    if (place / "AUDIT").exists():  # it says where its data lie, and that is another place now
        again = ["fauxto", "audit", "DATA", "--out", "AUDIT", "--overwrite", "--quiet"]
        subprocess.run(again, cwd=place, env=environment, check=True)
    for block in pages.read_blocks(pages.ROOT / name):
        if block.file:
            (place / block.file).write_text(block.text, "utf-8")
        elif block.language in {"sh", "python"} and block.reason is None:
            shell = ["sh", "-e", "-c"] if block.language == "sh" else ["python", "-c"]
            result = subprocess.run(
                [*shell, block.text], cwd=place, env=environment,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert result.returncode == 0, f"{block.where}\n{block.text}\n{result.stderr[-2000:]}"


def test_a_command_that_does_not_exist_is_noticed():
    with pytest.raises(AssertionError, match="adit"):
        parse(["fauxto", "adit", "DATA"])
    with pytest.raises(Exception, match="nonsense"):
        parse(["fauxto", "audit", "DATA", "--out", "AUDIT", "--nonsense", "x"])
