import io
import json
import tarfile

import polars as pl
import pytest

from fauxto.core import storage
from fauxto.core.errors import DataError, UnreadableImage
from fauxto.data.collect import collect
from fauxto.data.stored import read_image
from fauxto.imaging.decode import Limits


def write_tar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            tar.addfile(facts, io.BytesIO(content))


def told(address):
    return [(str(image.label), image.split, image.source) for image in collect([address])]


def contents(address):
    return [read_image(image, Limits()) for image in collect([address])]


@pytest.fixture(params=["disk", "s3"])
def placed(request, tmp_path):
    """Return a function that gives the address of a file or folder, on disk or in the bucket."""
    if request.param == "disk":
        return str
    put = request.getfixturevalue("put")

    def place(path):
        if path.is_dir():
            return put(path)
        return f"{put(path.parent)}/{path.name}"

    return place


def test_a_folder_gives_its_pictures_with_labels_and_splits(tmp_path, placed):
    for name in ("test/real/a.jpg", "test/fake/b.png", "train/real/c.webp", "notes.txt"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_bytes(name.encode())
    address = placed(tmp_path / "d")
    assert told(address) == [
        ("fake", "test", None),
        ("real", "test", None),
        ("real", "train", None),
    ]
    assert contents(address) == [b"test/fake/b.png", b"test/real/a.jpg", b"train/real/c.webp"]


def test_a_shard_gives_each_member_by_its_offset(tmp_path, placed):
    members = [
        ("0001.jpg", b"one" * 1000),
        ("0001.json", json.dumps({"label": "fake", "source": "web"}).encode()),
        ("0002.cls", b"real\n"),
        ("0002.png", b"two"),
        ("fake/0003.seg.webp", b"three"),
        ("fake/0003.txt", b"a cat"),
    ]
    write_tar(tmp_path / "d" / "shard-000000.tar", members)
    address = placed(tmp_path / "d" / "shard-000000.tar")
    assert told(address) == [("fake", None, "web"), ("real", None, None), ("fake", None, None)]
    assert contents(address) == [b"one" * 1000, b"two", b"three"]
    assert [image.path.removeprefix(address) for image in collect([address])] == [
        "/0001.jpg", "/0002.png", "/fake/0003.seg.webp",
    ]  # fmt: skip


def test_long_names_and_many_members_are_all_found(tmp_path):
    members = [(f"{'x' * 150}{n:04d}.jpg", bytes([n % 256]) * n) for n in range(1, 400)]
    write_tar(tmp_path / "many.tar", members)
    assert contents(str(tmp_path / "many.tar")) == [content for _, content in members]


def test_class_numbers_are_refused(tmp_path):
    write_tar(tmp_path / "a.tar", [("1.jpg", b"x"), ("1.cls", b"0")])
    with pytest.raises(DataError, match="numbers are not taken"):
        list(collect([str(tmp_path / "a.tar")]))


def test_a_compressed_or_cut_tar_is_an_error(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("1.jpg"))
    with pytest.raises(DataError, match=r"shards must be plain \.tar"):
        list(collect([str(tmp_path / "a.tar")]))


def test_a_shard_cut_after_its_headers_is_a_row_with_its_error(tmp_path):
    write_tar(tmp_path / "a.tar", [("1.jpg", b"x" * 5000)])
    (image,) = collect([str(tmp_path / "a.tar")])
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:2000])
    with pytest.raises(UnreadableImage, match="1488 bytes came where 5000 were asked for"):
        read_image(image, Limits())


@pytest.mark.parametrize("nested", [True, False])
def test_parquet_with_image_bytes(tmp_path, placed, nested):
    data = [f"picture {n}".encode() for n in range(50)]
    image = [{"bytes": content, "path": None} for content in data] if nested else data
    frame = pl.DataFrame({"image": image, "label": ["real", "fake"] * 25, "source": ["s"] * 50})
    (tmp_path / "d").mkdir()
    frame.write_parquet(tmp_path / "d" / "p.parquet", row_group_size=7)
    address = placed(tmp_path / "d")
    assert contents(address) == data
    assert told(address) == [("real", None, "s"), ("fake", None, "s")] * 25


def test_numbers_are_taken_where_the_file_says_what_they_mean(tmp_path):
    frame = pl.DataFrame({"image": [b"a", b"b"], "label": [0, 1]})
    features = {"info": {"features": {"label": {"names": ["fake", "real"], "_type": "ClassLabel"}}}}
    path = tmp_path / "hf.parquet"
    frame.write_parquet(path, metadata={"huggingface": json.dumps(features)})
    assert [label for label, _, _ in told(str(path))] == ["fake", "real"]
    frame.write_parquet(path)
    with pytest.raises(DataError, match="numbers are not taken"):
        told(str(path))


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_table_of_paths_may_hold_urls_and_relative_paths(tmp_path, placed, kind):
    (tmp_path / "d" / "x").mkdir(parents=True)
    (tmp_path / "d" / "x" / "a.jpg").write_bytes(b"a")
    storage.write("memory://elsewhere/b.jpg", b"b")
    rows = [
        {"path": "x/a.jpg", "label": "real", "split": "test"},
        {"path": "memory://elsewhere/b.jpg", "label": "FAKE", "split": None},
    ]
    table = tmp_path / "d" / f"t.{kind}"
    frame = pl.DataFrame(rows)
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[kind](
        table
    )
    address = placed(table)
    assert contents(address) == [b"a", b"b"]
    assert told(address) == [("real", "test", None), ("fake", None, None)]


def test_a_json_list_of_paths_is_a_table_too(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "t.json").write_text(json.dumps(["a.jpg", "b.jpg"]))
    found = [image.address for image in collect([str(tmp_path / "t.json")])]
    assert found == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("t.csv", {"path": ["a.jpg", ""]}, r"t\.csv, row 2: there is no path"),
        ("t.csv", {"path": ["a.jpg"], "label": ["cat"]}, r"row 1, has the label 'cat'"),
        ("t.csv", {"path": ["a.jpg"], "split": ["holdout"]}, r"row 1, has the split 'holdout'"),
        ("t.parquet", {"name": ["a.jpg"]}, r"no column 'path' \(found: name\)"),
    ],
)
def test_tables_in_error(tmp_path, name, rows, message):
    frame = pl.DataFrame(rows)
    frame.write_csv(tmp_path / name) if name == "t.csv" else frame.write_parquet(tmp_path / name)
    with pytest.raises(DataError, match=message):
        told(str(tmp_path / name))


def test_folders_and_long_or_foreign_sidecars_in_a_shard_say_nothing(tmp_path):
    long = json.dumps({"label": "real", "caption": "x" * 2_000_000}).encode()
    members = [
        ("d/1.jpg", b"a"),
        ("d/1.json", b'["a", "list"]'),
        ("d/2.jpg", b"b"),
        ("d/2.json", long),
    ]
    write_tar(tmp_path / "a.tar", members)
    with tarfile.open(tmp_path / "a.tar", "a") as tar:
        folder = tarfile.TarInfo("e.jpg")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    assert told(str(tmp_path / "a.tar")) == [("None", None, None)] * 2


def test_a_sidecar_that_is_no_json_is_an_error(tmp_path):
    write_tar(tmp_path / "a.tar", [("1.jpg", b"a"), ("1.json", b"{label: real}")])
    with pytest.raises(DataError, match=r"a\.tar/1\.json is not JSON"):
        told(str(tmp_path / "a.tar"))


def test_rows_of_a_parquet_file_that_cannot_be_used_say_why(tmp_path):
    path = tmp_path / "p.parquet"
    pl.DataFrame({"image": [b"picture", None, b"", b"long picture"]}).write_parquet(path)
    images = list(collect([str(path)]))
    assert read_image(images[0], Limits()) == b"picture"
    for image, status, message in (
        (images[1], "empty", "the row has no bytes"),
        (images[2], "empty", "the file has no bytes"),
        (images[3], "too_large", "12 bytes are more than the limit of 10"),
    ):
        with pytest.raises(UnreadableImage, match=message) as caught:
            read_image(image, Limits(max_bytes=10))
        assert caught.value.status == status


def test_a_large_member_of_a_shard_is_not_read(tmp_path):
    write_tar(tmp_path / "a.tar", [("1.jpg", b"x" * 5000)])
    (image,) = collect([str(tmp_path / "a.tar")])
    (tmp_path / "a.tar").unlink()
    with pytest.raises(UnreadableImage, match="5000 bytes are more than the limit of 4999"):
        read_image(image, Limits(max_bytes=4999))
    with pytest.raises(UnreadableImage, match="cannot be read"):
        read_image(image, Limits())


def test_what_holds_no_picture_is_an_error(tmp_path, placed):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.txt").write_bytes(b"x")
    with pytest.raises(DataError, match="holds no picture"):
        list(collect([placed(tmp_path / "d")]))


def test_a_single_missing_picture_is_a_row_with_its_error(s3):
    (image,) = collect([f"{s3}/none.jpg"])
    with pytest.raises(UnreadableImage, match="it does not exist"):
        read_image(image, Limits())
