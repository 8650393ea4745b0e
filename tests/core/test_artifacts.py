import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from fauxto.core import storage, stores
from fauxto.core.artifacts import (
    STAMP,
    FolderState,
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
from fauxto.core.storage import atomic_path


@pytest.fixture(params=["disk", "s3", "memory", "file"])
def place(request, tmp_path):
    """Return where results may be written: on disk, in a bucket, in one of fsspec's stores."""
    if request.param == "disk":
        return tmp_path
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    if request.param == "file":
        return f"file://{tmp_path}"
    return f"{request.getfixturevalue('s3')}/results"


def put(folder, name, content=b"x"):
    storage.write(storage.join(folder, name), content)


def there(folder, name):
    return storage.exists(storage.join(folder, name))


def test_a_new_folder_is_claimed_and_finished(place):
    claim = claim_folder(storage.join(place, "deep/out"), "audit", {"data": "x"})
    assert claim.state is FolderState.NEW
    with pytest.raises(ArtifactError, match="unfinished"):
        require_finished(claim.folder, "audit")
    finish_folder(claim)
    require_finished(claim.folder, "audit")


def test_the_same_call_resumes_and_then_finds_it_done(place):
    out = storage.join(place, "out")
    first = claim_folder(out, "audit", {"data": "x", "n": 3})
    put(out, "part", b"kept")
    again = claim_folder(out, "audit", {"n": 3, "data": "x"})
    assert again.state is FolderState.RESUMED
    assert storage.read(storage.join(out, "part")) == b"kept"
    finish_folder(first)
    assert claim_folder(out, "audit", {"data": "x", "n": 3}).state is FolderState.DONE


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [("audit", {"data": "y"}, "--overwrite"), ("train", {"data": "x"}, "'audit': choose another")],
)
def test_another_call_is_refused_and_changes_nothing(place, verb, arguments, said):
    out = storage.join(place, "out")
    claim_folder(out, "audit", {"data": "x"})
    put(out, "result", b"precious")
    with pytest.raises(OtherResult, match=said):
        claim_folder(out, verb, arguments)
    assert storage.read(storage.join(out, "result")) == b"precious"


def test_overwrite_does_not_replace_what_another_verb_wrote(place):
    out = storage.join(place, "RUN")
    finish_folder(claim_folder(out, "train", {}))
    put(out, "weights", b"precious")
    with pytest.raises(ArtifactError, match="'compare --overwrite' does not replace"):
        claim_folder(out, "compare", {}, overwrite=True)
    assert storage.read(storage.join(out, "weights")) == b"precious"


@pytest.mark.parametrize("read", ["out", "out/", "out/inside/picture.png"])
def test_what_is_read_is_never_written_to_nor_overwritten(place, read):
    out = storage.join(place, "out")
    finish_folder(claim_folder(out, "prepare", {"a": 1}))
    with pytest.raises(ArtifactError, match="is read by this command: choose another --out"):
        claim_folder(out, "prepare", {"a": 2}, overwrite=True, inputs=[storage.join(place, read)])
    beside = [storage.join(place, name) for name in ("out2", "other", "outer/out")]
    claim_folder(out, "prepare", {"a": 2}, overwrite=True, inputs=beside)


def test_overwrite_replaces_what_fauxto_wrote_and_touches_nothing_beside_it(place):
    out = storage.join(place, "out")
    claim_folder(out, "audit", {"data": "x"})
    old = ("result", "deep/er/picture 1.png", ".hidden", ".folder/x", "deep/fauxto.json")
    for name in old:
        put(out, name)
    beside = ("out2/fauxto.json", "out2/x", "outer", "other")
    for name in beside:
        put(place, name)
    claim = claim_folder(out, "audit", {"data": "y"}, overwrite=True)
    assert claim.state is FolderState.NEW
    left = [file.address.rpartition("/")[2] for file in storage.walk(str(out), hidden=True)]
    assert left == [STAMP]
    assert not any(there(out, name) for name in old)
    assert all(there(place, name) for name in beside)
    finish_folder(claim)
    assert claim_folder(out, "audit", {"data": "y"}).state is FolderState.DONE


def test_names_that_look_like_patterns_are_removed_and_only_they(s3):
    for name in ("out/fauxto.json", "out/a[1]*.png", "out/a1b.png"):
        storage.write(f"{s3}/{name}", b"x")
    storage.remove(f"{s3}/out/a[1]*.png")
    assert storage.names_in(f"{s3}/out") == {"fauxto.json", "a1b.png"}
    storage.write(f"{s3}/out/a[1]*.png", b"x")
    storage.remove_folder(f"{s3}/out", keep="fauxto.json")
    assert storage.names_in(f"{s3}/out") == {"fauxto.json"}


def test_a_file_that_is_called_like_the_prefix_is_in_the_way_and_stays(s3):
    claim_folder(f"{s3}/out", "audit", {"data": "x"})
    storage.write(f"{s3}/out", b"a file of others")
    with pytest.raises(ArtifactError, match="is a file"):
        claim_folder(f"{s3}/out", "audit", {"data": "x"}, overwrite=True)
    storage.remove_folder(f"{s3}/out")
    assert storage.read(f"{s3}/out") == b"a file of others"


def test_a_call_killed_while_it_removes_does_not_leave_half_a_result_that_looks_whole(
    place, monkeypatch
):
    out = storage.join(place, "out")
    finish_folder(claim_folder(out, "audit", {"data": "x"}))
    put(out, "result")

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove_folder", die)
        with pytest.raises(KeyboardInterrupt):
            claim_folder(out, "audit", {"data": "x"}, overwrite=True)
    with pytest.raises(ArtifactError, match="unfinished"):
        require_finished(out, "audit")
    with pytest.raises(OtherResult, match="unfinished"):
        claim_folder(out, "audit", {"data": "x"})
    claim_folder(out, "audit", {"data": "x"}, overwrite=True)
    assert not there(out, "result")


def test_overwrite_never_deletes_a_folder_of_others(place):
    photos = storage.join(place, "photos")
    put(photos, "holiday.jpg")
    with pytest.raises(ArtifactError, match=r"did not write \(holiday.jpg\)"):
        claim_folder(photos, "audit", {}, overwrite=True)
    assert there(photos, "holiday.jpg")


@pytest.mark.parametrize("name", ["deep/er/x", ".hidden"])
def test_files_of_others_are_seen_wherever_they_lie(place, name):
    put(place, f"out/{name}")
    with pytest.raises(ArtifactError, match="did not write"):
        claim_folder(storage.join(place, "out"), "audit", {})


@pytest.mark.parametrize("begun", [".fauxto-k2j1.json", ".fauxto.json.part"])
def test_a_call_killed_while_it_wrote_its_first_stamp_can_be_called_again(place, begun):
    out = storage.join(place, "out")
    put(out, begun, b"")
    claim = claim_folder(out, "audit", {})
    assert claim.state is FolderState.NEW
    finish_folder(claim)
    require_finished(out, "audit")


def test_a_folder_that_a_console_made_is_empty(s3, s3_server):
    marker = f"{s3_server}/{s3.removeprefix('s3://')}/out/"
    with urlopen(Request(marker, data=b"", method="PUT"), timeout=10):
        pass
    assert claim_folder(f"{s3}/out", "audit", {}).state is FolderState.NEW


def test_a_whole_bucket_is_no_result_folder(s3):
    for address in (s3, f"{s3}/"):
        with pytest.raises(ArtifactError, match="is a whole bucket: name a folder in it"):
            claim_folder(address, "audit", {})


def test_a_url_that_became_a_path_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="s3:/bucket/out is no folder on this machine"):
        claim_folder(Path("s3://bucket/out"), "train", {})
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_does_not_answer_is_one_line(monkeypatch, s3):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(stores, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(stores, "_CLIENT_RETRIES", 0)
    stores.connect.cache_clear()
    for ask in (require_finished, lambda folder, verb: claim_folder(folder, verb, {})):
        with pytest.raises(ArtifactError, match="cannot look at s3://bucket/out") as caught:
            ask("s3://bucket/out", "audit")
        assert "\n" not in str(caught.value)
        assert not re.search(r"\d+(\.\d+)?.?s\b|retr", str(caught.value))  # equal each time


def test_a_file_in_the_way_is_an_error_for_the_reader(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(ArtifactError, match="is a file"):
        claim_folder(tmp_path / "out", "audit", {})


def test_a_folder_that_does_not_exist_and_one_of_something_else_are_told_apart(place):
    put(place, "x")
    with pytest.raises(ArtifactError, match="gone does not exist: name a folder written by"):
        require_finished(storage.join(place, "gone"), "audit")
    with pytest.raises(ArtifactError, match="is not a folder written by 'fauxto audit'"):
        require_finished(place, "audit")


def test_a_result_of_another_verb_is_named(place):
    out = storage.join(place, "out")
    finish_folder(claim_folder(out, "audit", {}))
    with pytest.raises(ArtifactError, match="written by 'fauxto audit', not by 'fauxto train'"):
        require_finished(out, "train")
    with pytest.raises(ArtifactError, match="not a folder written by"):
        require_finished(place, "train")


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


def test_below_a_file_nothing_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match=r"cannot look at .*out: Not a directory"):
        claim_folder(tmp_path / "file" / "out", "audit", {})
    with pytest.raises(
        ArtifactError, match=r"cannot write .*x\.txt: (Not a directory|File exists)"
    ):
        write_text(tmp_path / "file" / "x.txt", "text")


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


def test_json_round_trips_with_its_schema_first(place):
    address = storage.join(place, "a.json")
    write_json(address, {"name": "é", "n": 1})
    assert storage.read(address).decode().startswith('{\n  "schema": 1')
    assert read_json(address) == {"schema": 1, "name": "é", "n": 1}
    with pytest.raises(ArtifactError, match=r"b\.json does not exist"):
        read_json(storage.join(place, "b.json"))


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
def test_unusable_json_is_an_error_for_the_reader(place, content, message):
    put(place, "a.json", content.encode())
    with pytest.raises(ArtifactError, match=message):
        read_json(storage.join(place, "a.json"))


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
        "heavy = {'torch', 'polars', 'numpy', 'matplotlib', 'fsspec', 'obstore'};"
        "sys.exit(bool(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
