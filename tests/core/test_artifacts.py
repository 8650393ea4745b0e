import json
import subprocess
import sys
from pathlib import Path

import pytest

from fauxto.core.artifacts import (
    FolderState,
    atomic_path,
    claim_folder,
    finish_folder,
    read_card,
    read_json,
    require_finished,
    write_bytes,
    write_json,
    write_text,
)
from fauxto.core.errors import ArtifactError, OtherResult


def test_a_new_folder_is_claimed_and_finished(tmp_path):
    claim = claim_folder(tmp_path / "deep" / "out", "audit", {"data": "x"})
    assert claim.state is FolderState.NEW
    with pytest.raises(ArtifactError, match="unfinished"):
        require_finished(claim.folder, "audit")
    finish_folder(claim)
    require_finished(claim.folder, "audit")


def test_the_same_call_resumes_and_then_finds_it_done(tmp_path):
    first = claim_folder(tmp_path / "out", "audit", {"data": "x", "n": 3})
    (tmp_path / "out" / "part").write_text("kept")
    again = claim_folder(tmp_path / "out", "audit", {"n": 3, "data": "x"})
    assert again.state is FolderState.RESUMED
    assert (tmp_path / "out" / "part").read_text() == "kept"
    finish_folder(first)
    assert claim_folder(tmp_path / "out", "audit", {"data": "x", "n": 3}).state is FolderState.DONE


@pytest.mark.parametrize(
    ("verb", "arguments"), [("audit", {"data": "y"}), ("train", {"data": "x"})]
)
def test_another_call_is_refused_and_changes_nothing(tmp_path, verb, arguments):
    claim_folder(tmp_path / "out", "audit", {"data": "x"})
    (tmp_path / "out" / "result").write_text("precious")
    with pytest.raises(OtherResult, match="--overwrite"):
        claim_folder(tmp_path / "out", verb, arguments)
    assert (tmp_path / "out" / "result").read_text() == "precious"


def test_overwrite_replaces_what_fauxto_wrote(tmp_path):
    claim_folder(tmp_path / "out", "audit", {"data": "x"})
    (tmp_path / "out" / "result").write_text("old")
    claim = claim_folder(tmp_path / "out", "audit", {"data": "y"}, overwrite=True)
    assert claim.state is FolderState.NEW
    assert not (tmp_path / "out" / "result").exists()


def test_overwrite_never_deletes_a_folder_of_others(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="did not write"):
        claim_folder(tmp_path / "photos", "audit", {}, overwrite=True)
    assert (tmp_path / "photos" / "holiday.jpg").exists()


def test_a_call_killed_while_it_wrote_its_first_stamp_can_be_called_again(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".fauxto-k2j1.json").write_text("")
    claim = claim_folder(tmp_path / "out", "audit", {})
    assert claim.state is FolderState.NEW
    finish_folder(claim)
    require_finished(tmp_path / "out", "audit")


def test_a_file_in_the_way_is_an_error_for_the_reader(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(ArtifactError, match="is a file"):
        claim_folder(tmp_path / "out", "audit", {})


def test_a_folder_that_does_not_exist_and_one_of_something_else_are_told_apart(tmp_path):
    with pytest.raises(ArtifactError, match="gone does not exist: name a folder written by"):
        require_finished(tmp_path / "gone", "audit")
    with pytest.raises(ArtifactError, match="is not a folder written by 'fauxto audit'"):
        require_finished(tmp_path, "audit")


def test_a_result_of_another_verb_is_named(tmp_path):
    finish_folder(claim_folder(tmp_path / "out", "audit", {}))
    with pytest.raises(ArtifactError, match="written by 'fauxto audit', not by 'fauxto train'"):
        require_finished(tmp_path / "out", "train")
    with pytest.raises(ArtifactError, match="not a folder written by"):
        require_finished(tmp_path, "train")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "file"
    write_bytes(target, b"old")

    def fail_half_way():
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_clear_error(tmp_path):
    def fill():
        with atomic_path(tmp_path / "x") as path:
            path.unlink()
            path.symlink_to("/dev/full")
            path.write_bytes(b"x" * 100_000)

    with pytest.raises(ArtifactError, match="No space left"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_json_round_trips_with_its_schema_first(tmp_path):
    write_json(tmp_path / "a.json", {"name": "é", "n": 1})
    assert (tmp_path / "a.json").read_text("utf-8").startswith('{\n  "schema": 1')
    assert read_json(tmp_path / "a.json") == {"schema": 1, "name": "é", "n": 1}


def test_nan_never_reaches_a_json_file(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps({"schema": 2}), "update fauxto"),
        (json.dumps({"no": "schema"}), "schema None"),
        ("{", "cannot be read as JSON"),
        ("[]", "not a JSON object"),
    ],
)
def test_unusable_json_is_an_error_for_the_reader(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ArtifactError, match=message):
        read_json(tmp_path / "a.json")


def test_a_document_that_is_not_what_it_should_be_says_in_which_places(tmp_path):
    write_json(tmp_path / "card.json", {"name": "x", "temperature": -1, "colour": "red"})
    with pytest.raises(ArtifactError) as caught:
        read_card(tmp_path)
    said = str(caught.value)
    assert "card.json is not a valid model card: " in said
    for part in (
        "architecture is missing", "temperature = -1: Input should be greater than 0",
        "colour is not a setting",
    ):  # fmt: skip
        assert part in said
    assert "\n" not in said


def test_text_with_a_name_that_is_not_utf8_is_kept(tmp_path):
    write_text(tmp_path / "a", "bad\udcff.jpg")
    assert (tmp_path / "a").read_bytes() == b"bad\xff.jpg"


def test_core_imports_no_heavy_library():
    code = (
        "import sys, fauxto.core.artifacts, fauxto.core.records;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'polars', 'numpy', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
