"""A data set with labels wherever it lies: folders, prefixes, tables, shards."""

import io
import json
import tarfile
from pathlib import Path

import polars as pl
import pytest

from fauxto.core import storage
from fauxto.core.errors import DataError
from fauxto.data.labelled import is_plain, list_labelled, list_licences


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            tar.addfile(facts, io.BytesIO(content))


def rows(data):
    listing = list_labelled(str(data))
    return [(i.path, str(i.label), i.split, i.source, i.generator) for i in listing.images]


NAMES = ("train/real/a.jpg", "train/fake/b.jpg", "test/real/c.png", "test/fake/d.png")


def test_a_prefix_is_understood_as_the_same_folder_is(tmp_path):
    prefix = "memory:///labelled/data"
    for name in (*NAMES, ".git/x.jpg", "Thumbs.db"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        storage.write(f"{prefix}/{name}", name.encode())
    table = b"path,source,generator\ntrain/fake/b.jpg,web,flux\n"
    (tmp_path / "images.csv").write_bytes(table)
    storage.write(f"{prefix}/images.csv", table)
    here, there = list_labelled(str(tmp_path)), list_labelled(prefix)
    assert rows(prefix) == rows(tmp_path)
    assert ("train/fake/b.jpg", "fake", "train", "web", "flux") in rows(prefix)
    assert there.kind == here.kind
    assert (there.root, here.root) == (prefix, str(tmp_path))
    assert {image.address for image in there.images} == {f"{prefix}/{name}" for name in NAMES}


def test_what_holds_shards_is_no_plain_folder(tmp_path):
    (tmp_path / "shards").mkdir()
    write_tar(tmp_path / "shards" / "a.tar", [("1.jpg", b"a")])
    pl.DataFrame({"path": ["a.jpg"], "label": ["real"]}).write_parquet(tmp_path / "table.parquet")
    pl.DataFrame({"image": [b"a"], "label": ["real"]}).write_parquet(tmp_path / "images.parquet")
    assert not is_plain(str(tmp_path / "shards"))
    assert not is_plain(str(tmp_path / "shards" / "a.tar"))
    assert not is_plain(str(tmp_path / "images.parquet"))
    assert not is_plain("s3://bucket/folder")
    assert is_plain(str(tmp_path / "table.parquet"))
    (tmp_path / "shards" / "b.jpg").write_bytes(b"b")
    assert is_plain(str(tmp_path / "shards"))


def test_labels_of_shards_come_from_their_sidecars_sorted_by_path(tmp_path):
    told = json.dumps({"label": "fake", "split": "test", "source": "web", "generator": "flux"})
    write_tar(tmp_path / "b.tar", [("2.jpg", b"b"), ("2.json", told.encode())])
    write_tar(tmp_path / "a.tar", [("real/1.jpg", b"a")])
    listing = list_labelled(str(tmp_path))
    assert rows(tmp_path) == [
        ("a.tar/real/1.jpg", "real", None, None, None),
        ("b.tar/2.jpg", "fake", "test", "web", "flux"),
    ]
    assert listing.kind == f"2 images in 2 files below {tmp_path}"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("real/1.jpg", b"a"), ("2.jpg", b"b")], r"1 images without a label \(a\.tar/2\.jpg\)"),
        ([("real/1.jpg", b"a"), ("real/2.jpg", b"b")], "holds only real images"),
        ([("real/1.jpg", b"a"), ("fake/2.jpg", b"b"), ("real/1.jpg", b"c")],
         r"names a\.tar/real/1\.jpg twice"),
    ],
)  # fmt: skip
def test_shards_in_error(tmp_path, members, message):
    (tmp_path / "d").mkdir()
    write_tar(tmp_path / "d" / "a.tar", members)
    with pytest.raises(DataError, match=message):
        list_labelled(str(tmp_path / "d"))


def test_flags_name_folders_on_this_machine_only():
    with pytest.raises(DataError, match="--real and --fake name folders on this machine"):
        list_labelled("s3://bucket/data", real=[Path("real")], fake=[Path("fake")])


def test_licences_are_those_of_the_table_or_of_the_folders_origins(tmp_path):
    table = (
        "path,label,source,licence\na.jpg,real,web,CC0\nb.jpg,fake,lab,MIT\nc.jpg,real,web,CC0\n"
    )
    (tmp_path / "list.csv").write_text(table)
    expected = {"web": "CC0", "lab": "MIT"}
    assert list_licences(str(tmp_path / "list.csv"), str(tmp_path)) == expected
    assert list_licences(str(tmp_path), str(tmp_path)) == {}
    (tmp_path / "images.csv").write_text(table)
    assert list_licences(str(tmp_path), str(tmp_path)) == expected


def test_a_file_written_anew_has_another_version(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "test/real/gone.jpg").symlink_to("nowhere")
    before = list_labelled(str(tmp_path))
    (tmp_path / "train/real/a.jpg").write_bytes(b"longer")
    after = list_labelled(str(tmp_path))
    changed = [
        image.path
        for image, old, new in zip(before.images, before.versions, after.versions, strict=True)
        if old != new
    ]
    assert changed == ["train/real/a.jpg"]
    assert (
        dict(zip((i.path for i in after.images), after.versions, strict=True))["test/real/gone.jpg"]
        is None
    )
