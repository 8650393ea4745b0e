import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import polars as pl
import pytest

import fauxto.prepare.shards as module
from fauxto.audit.run import audit
from fauxto.core.artifacts import read_json
from fauxto.core.choices import EngineName, Match
from fauxto.core.errors import ArtifactError, DataError
from fauxto.core.recipe import PrepareOptions
from fauxto.data.labelled import list_labelled
from fauxto.data.prepared import open_dataset
from fauxto.data.shards import iterate_tar, pack_tar
from fauxto.data.stored import read_image
from fauxto.engine.part import Engine
from fauxto.imaging.decode import Limits
from fauxto.prepare.run import prepare

FILES = PrepareOptions(size_px=64, val=0.2)
SHARDS = FILES.model_copy(update={"shards": True})
PLACE = ["address", "offset", "length"]


def make(root, out, options=SHARDS, **arguments):
    arguments = {"audit": root / "audit", "workers": 1, **arguments}
    return prepare(root / "data", out=out, options=options, **arguments)


@pytest.fixture(scope="module")
def files(audited, tmp_path_factory):
    return make(audited, tmp_path_factory.mktemp("files") / "d", FILES).out


@pytest.fixture(scope="module")
def shards(audited, tmp_path_factory):
    """A data set in shards of five pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_ROWS", 5)
        return make(audited, tmp_path_factory.mktemp("shards") / "d").out


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 5)


def contents(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_both_forms_hold_the_same_pictures_under_the_same_names(files, shards):
    by_file, by_shard = open_dataset(files), open_dataset(shards)
    assert by_shard.digest == by_file.digest
    assert by_shard.images.drop(PLACE).equals(by_file.images)
    assert by_shard.originals().equals(by_file.originals())
    assert by_shard.summary() == by_file.summary()
    names = by_shard.images["path"]
    for one, other in zip(by_file.locate(names), by_shard.locate(names), strict=True):
        assert (one.path, one.label, one.split) == (other.path, other.label, other.split)
        assert read_image(one, Limits()) == read_image(other, Limits())
    assert not list(shards.rglob("*.png"))
    assert sorted(path.name for path in shards.iterdir()) == sorted(
        path.name for path in files.iterdir()
    )


def test_shards_are_full_but_the_last_of_a_split_and_hold_both_classes(shards):
    images = open_dataset(shards).images
    sizes = dict(images.group_by("address").len().sort("address").iter_rows())
    assert sizes == {
        "test/000000.tar": 5, "test/000001.tar": 5, "test/000002.tar": 2,
        "train/000000.tar": 5, "train/000001.tar": 5, "train/000002.tar": 5,
        "train/000003.tar": 5, "train/000004.tar": 2,
        "val/000000.tar": 5, "val/000001.tar": 1,
    }  # fmt: skip
    assert sorted(sizes) == [
        str(path.relative_to(shards)) for path in sorted(shards.rglob("*.tar"))
    ]
    full = [name for name, size in sizes.items() if size == 5]
    mixed = (
        images.filter(pl.col("address").is_in(full))
        .group_by("address")
        .agg(pl.col("label").n_unique())
    )
    assert (mixed["label"] == 2).mean() > 0.8  # in the order of paths it would be 3 of 7


def test_a_member_is_a_picture_and_beside_it_what_is_known_of_it(shards):
    rows = {row["path"]: row for row in open_dataset(shards).images.iter_rows(named=True)}
    seen = []
    for shard in sorted(shards.rglob("*.tar")):
        with tarfile.open(shard) as tar:
            members = tar.getmembers()
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {
                (0, 0, 0, "", "")
            }
            for picture, sidecar in zip(members[::2], members[1::2], strict=True):
                # WebDataset: one sample has one name up to the first point of its last part.
                assert picture.name.partition(".")[::2] == (sidecar.name.partition(".")[0], "png")
                assert sidecar.name.partition(".")[2] == "json"
                told = json.load(tar.extractfile(sidecar))
                path = f"{shard.parent.name}/{picture.name}"
                row = rows[path]
                assert told == {name: row[name] or "" for name in told}
                assert set(told) == {
                    "label", "split", "source", "generator", "original", "sha256",
                }  # fmt: skip
                place = (f"{shard.parent.name}/{shard.name}", picture.offset_data, picture.size)
                assert place == tuple(row[name] for name in PLACE)
                seen.append(path)
    assert sorted(seen) == sorted(rows)


def test_fauxto_reads_the_shards_as_any_others(shards, tmp_path):
    rows = {row["path"]: row for row in open_dataset(shards).images.iter_rows(named=True)}
    for image in iterate_tar(str(shards / "val/000000.tar")):
        row = rows[f"val/{image.path.partition('.tar/')[2]}"]
        assert (image.label, image.split) == (row["label"], row["split"])
        assert (image.offset, image.length) == (row["offset"], row["length"])
    listed = list_labelled(str(shards))
    assert len(listed.images) == len(rows)
    found = audit(shards, out=tmp_path / "audit", workers=1)
    assert sorted(found.images["sha256"]) == sorted(row["sha256"] for row in rows.values())


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_any_number_of_workers_gives_the_same_bytes(audited, shards, few, tmp_path, workers):
    assert contents(make(audited, tmp_path / "d", workers=workers).out) == contents(shards)
    assert make(audited, tmp_path / "d").reused


SCRIPT = """
import sys
from pathlib import Path
import fauxto.prepare.shards as module
from fauxto.core.recipe import PrepareOptions
from fauxto.prepare.run import prepare

if __name__ == "__main__":
    module.MOST_ROWS = 5
    root, out = map(Path, sys.argv[1:])
    options = PrepareOptions(size_px=64, val=0.2, shards=True)
    prepare(root / "data", audit=root / "audit", out=out, options=options, workers=1)
"""


@pytest.mark.parametrize("sign", ["parts/part-000001.parquet", "test/000001.tar"])
def test_a_killed_call_resumes_to_the_same_shards(audited, shards, few, tmp_path, sign):
    out = tmp_path / "d"
    script = tmp_path / "prepare.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, script, audited, out])
    try:
        while process.poll() is None and not (out / sign).is_file():
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not read_json(out / "fauxto.json")["finished"]
    there = {path: path.stat().st_mtime_ns for path in out.glob("*/*.tar")}
    (out / "train").mkdir(exist_ok=True)
    (out / "train/.000000-abc.tar").write_bytes(b"half")
    assert not make(audited, out).reused
    assert contents(out) == contents(shards)
    assert there == {path: path.stat().st_mtime_ns for path in there}


def test_a_shard_that_cannot_be_written_is_one_line_and_the_same_call_goes_on(
    audited, shards, few, tmp_path, monkeypatch
):
    out = tmp_path / "d"

    def stop(*_arguments):
        raise ArtifactError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr("fauxto.prepare.run.write_shards", stop)
        with pytest.raises(ArtifactError, match="stopped"):
            make(audited, out)
    in_the_way = out / "train/000001.tar"
    in_the_way.mkdir(parents=True)
    with pytest.raises(ArtifactError, match=r"cannot write .*train/000001\.tar"):
        make(audited, out)
    in_the_way.rmdir()
    assert not make(audited, out).reused
    assert contents(out) == contents(shards)


def test_what_matching_leaves_out_is_in_no_shard(audited, few, tmp_path, monkeypatch):
    def leave_out(images, *, seed):
        from fauxto.prepare.match_bytes import BytesMatch

        kept = images.with_row_index("row").filter(pl.col("row") % 4 != 0).drop("row")
        return BytesMatch(kept, 0.5, 0.5)

    monkeypatch.setattr("fauxto.prepare.run.match_bytes", leave_out)
    options = SHARDS.model_copy(update={"match": (Match.CONTAINER,)})
    made = make(audited, tmp_path / "d", options)
    assert made.excluded["unmatched"] == 10
    images = open_dataset(made.out).images
    inside = {
        f"{shard.parent.name}/{image.path.partition('.tar/')[2]}"
        for shard in made.out.rglob("*.tar")
        for image in iterate_tar(str(shard))
    }
    assert inside == set(images["path"])
    for row, image in zip(
        images.iter_rows(named=True), open_dataset(made.out).locate(images["path"]), strict=True
    ):
        assert len(read_image(image, Limits())) == row["bytes"]


def test_a_picture_that_breaks_after_the_audit_is_in_no_shard(audited, few, tmp_path):
    import shutil

    shutil.copytree(audited / "data", tmp_path / "data")
    audit(tmp_path / "data", out=tmp_path / "audit", workers=1)
    (tmp_path / "data/train/fake/03.png").unlink()
    made = make(tmp_path, tmp_path / "d")
    assert made.excluded["unreadable"] == 1
    images = open_dataset(made.out).images
    assert "train/fake/03.png" not in set(images["original"])
    assert all(read_image(one, Limits()) for one in open_dataset(made.out).locate(images["path"]))


def test_a_missing_or_short_shard_is_one_line_that_names_it(shards, tmp_path):
    import shutil

    out = tmp_path / "d"
    shutil.copytree(shards, out)
    dataset = open_dataset(out)
    train = dataset.images.filter(pl.col("split") == "train")["path"]
    shard = out / "train/000003.tar"
    shard.write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(ArtifactError, match=r"train/000003\.tar ends after 2,000 of .* bytes"):
        dataset.locate(train)
    shard.unlink()
    with pytest.raises(ArtifactError, match=r"train/000003\.tar does not exist: copy it again"):
        dataset.locate(train)
    shutil.rmtree(out / "train")
    with pytest.raises(ArtifactError, match=r"train/000000\.tar does not exist"):
        dataset.locate(train)
    test = dataset.images.filter(pl.col("split") == "test")["path"]
    assert len(dataset.locate(test)) == 12


def test_names_with_points_stay_one_sample(tmp_path):
    rows = pl.DataFrame(
        {
            "path": ["train/real/a.b-1.png"], "label": ["real"], "split": ["train"],
            "source": ["ü"], "generator": [None], "original": ["a.b.jpg"], "sha256": ["0"],
            "part": [str(tmp_path / "part.parquet")],
        },
        schema_overrides={"generator": pl.String},
    )  # fmt: skip
    pl.DataFrame({"original": ["a.b.jpg"], "content": [b"png"]}).write_parquet(
        tmp_path / "part.parquet"
    )
    packed = pack_tar(module._members(rows))
    (tmp_path / "a.tar").write_bytes(packed)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["real/a_b-1.png", "real/a_b-1.json"]
    (image,) = iterate_tar(str(tmp_path / "a.tar"))
    assert (image.source, image.generator, image.length) == ("ü", None, 3)


def test_the_command_writes_shards(audited, tmp_path):
    call = [sys.executable, "-m", "fauxto", "prepare", audited / "data", "--audit",
            audited / "audit", "--out", tmp_path / "d", "--size", "32", "--shards"]  # fmt: skip
    subprocess.run([*map(str, call)], check=True, capture_output=True)
    assert len(list(Path(tmp_path, "d").glob("*/000000.tar"))) == 3


def below(address):
    from fauxto.core import storage

    found = (file.address for file in storage.walk(address))
    return {name.removeprefix(f"{address}/"): storage.read(name) for name in found}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.slow)])
def test_an_object_store_holds_the_same_bytes_as_a_disk(
    audited, shards, few, s3, put, tmp_path, engine
):
    asked = Engine(EngineName(engine), 2)
    made = make(audited, f"{s3}/sets/d", audit=put(audited / "audit", "audits/a"), engine=asked)
    assert below(f"{s3}/sets/d") == contents(shards)  # no part is left
    assert open_dataset(made.out).digest == open_dataset(shards).digest
    again = make(audited, f"{s3}/sets/d", audit=f"{s3}/audits/a", engine=asked)
    assert again.reused


def test_files_in_an_object_store_are_refused_in_one_line(audited, s3):
    with pytest.raises(DataError, match=r"is a URL.*add --shards"):
        make(audited, f"{s3}/sets/d", FILES)


def test_a_call_that_stopped_goes_on_in_an_object_store(audited, shards, few, s3, monkeypatch):
    from fauxto.core import storage

    def stop(*_arguments):
        raise ArtifactError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("fauxto.prepare.run.write_shards", stop)
        with pytest.raises(ArtifactError, match="disk is full"):
            make(audited, f"{s3}/sets/d")
    parts = {name for name in below(f"{s3}/sets/d") if "/part-" in name}
    assert len(parts) == 16
    storage.remove(f"{s3}/sets/d/parts/part-000002.parquet")
    assert not make(audited, f"{s3}/sets/d").reused
    assert below(f"{s3}/sets/d") == contents(shards)


def test_any_address_holds_the_same_bytes(audited, shards, few, tmp_path):
    out = f"file://{tmp_path}/sets/d"
    made = make(audited, out, audit=f"file://{audited}/audit")
    assert contents(tmp_path / "sets/d") == contents(shards)
    dataset = open_dataset(made.out)
    (image,) = dataset.locate(dataset.images["path"][:1])
    assert image.address.startswith(out)
    assert len(read_image(image, Limits())) == dataset.images["bytes"][0]
