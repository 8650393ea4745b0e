"""The folder of parts: what it says of itself, and what is refused."""

import json

import pytest

from fauxto.core.artifacts import FolderState
from fauxto.core.errors import ArtifactError, OtherResult
from fauxto.data.stored import StoredImage
from fauxto.engine.part import Engine, PartWork
from fauxto.engine.parts import run_parts
from fauxto.engine.plan import list_images, open_plan, read_frame, read_listing, read_manifest

IMAGES = [StoredImage(f"{number}.jpg", f"/data/{number}.jpg") for number in range(5)]


@pytest.fixture
def listed(tmp_path):
    """A plan of five images in parts of two."""
    return list_images(open_plan(str(tmp_path / "p"), "audit", {"a": 1}, part_rows=2), IMAGES)


def test_images_are_listed_in_parts_once(listed):
    assert (listed.listed.parts, listed.listed.rows) == (3, 5)
    assert [read_listing(listed, number) for number in range(3)] == [
        IMAGES[:2], IMAGES[2:4], IMAGES[4:],
    ]  # fmt: skip
    assert list_images(listed, []) is listed
    assert listed.missing() == [0, 1, 2]


def test_the_same_call_goes_on_and_other_arguments_are_refused(listed):
    again = open_plan(listed.folder, "audit", {"a": 1}, part_rows=2)
    assert again.state is FolderState.RESUMED
    assert again.listed == listed.listed
    for verb, arguments, rows in (
        ("audit", {"a": 2}, 2),
        ("audit", {"a": 1}, 3),
        ("x", {"a": 1}, 2),
    ):
        with pytest.raises(OtherResult, match="holds parts of 'audit' with other arguments"):
            open_plan(listed.folder, verb, arguments, part_rows=rows)


def test_the_digest_tells_order_and_every_column(tmp_path):
    def digest(number, images):
        plan = open_plan(str(tmp_path / str(number)), "audit", {}, part_rows=2)
        return list_images(plan, images).listed.digest

    other = [StoredImage("0.jpg", "/data/0.jpg", source="web"), *IMAGES[1:]]
    digests = [digest(number, one) for number, one in enumerate([IMAGES, IMAGES[::-1], other])]
    assert len(set(digests)) == 3
    assert digest(3, IMAGES) == digests[0]


def test_overwrite_removes_parts_and_nothing_else(listed, tmp_path):
    (tmp_path / "p" / "part-000000.parquet").write_bytes(b"x")
    (tmp_path / "p" / "mine.txt").write_text("mine")
    new = open_plan(listed.folder, "audit", {"a": 2}, part_rows=2, overwrite=True)
    assert new.listed is None
    left = {path.relative_to(tmp_path / "p").as_posix() for path in (tmp_path / "p").rglob("*.*")}
    assert left == {"manifest.json", "mine.txt"}


def test_a_folder_of_others_is_never_taken(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ArtifactError, match=r"did not write \(mine.txt\)"):
            open_plan(str(tmp_path), "audit", {}, overwrite=overwrite)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as JSON"),
        ("[]", "is not a JSON object"),
        ('{"schema": "new"}', "has schema 'new'"),
        ('{"schema": 1}', "is damaged: name another folder"),
    ],
)
def test_a_damaged_manifest_is_one_error(listed, tmp_path, content, said):
    (tmp_path / "p" / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match=rf"manifest\.json {said}"):
        open_plan(listed.folder, "audit", {"a": 1}, part_rows=2)


def test_a_manifest_of_a_newer_fauxto_says_so(listed, tmp_path):
    path = tmp_path / "p" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(ArtifactError, match=r"has schema 99, .*: update fauxto"):
        read_manifest(listed.folder)


def test_a_part_that_is_missing_or_no_parquet_is_one_error(tmp_path):
    (tmp_path / "part.parquet").write_bytes(b"no Parquet")
    for name, said in (("part", "cannot be read as Parquet"), ("none", "does not exist")):
        with pytest.raises(ArtifactError, match=rf"{name}\.parquet {said}"):
            read_frame(str(tmp_path / f"{name}.parquet"))


def test_images_must_be_listed_before_they_are_worked_on(tmp_path):
    plan = open_plan(str(tmp_path / "p"), "audit", {})
    work = PartWork(plan, len, on_lost=lambda image, reason: {}, schema={}, timeout_s=1)
    with pytest.raises(ValueError, match="not listed yet"):
        run_parts(work, Engine(), lambda *_: None)
