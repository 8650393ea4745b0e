import json
import logging
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from fauxto.audit import conclude, near
from fauxto.audit import run as audit_run
from fauxto.audit.figures import FigureJob
from fauxto.audit.run import audit
from fauxto.audit.tables import THUMBNAILS
from fauxto.core import storage
from fauxto.core.artifacts import require_finished
from fauxto.core.choices import EngineName
from fauxto.core.errors import ArtifactError, DataError, OtherResult
from fauxto.data.table import IMAGE_SCHEMA, read_images
from fauxto.engine.part import Engine

RESULTS = ("images.parquet", THUMBNAILS, "bad_files.txt", "statistics.json", "findings.json")


def picture(seed, size=(48, 40)):
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def encode(image, image_format, **options):
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def png_header(width, height):
    def chunk(name, data):
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture(scope="module")
def bad_data(tmp_path_factory):
    """Good pictures of both classes and every bad input."""
    root = tmp_path_factory.mktemp("data")
    frames = [picture(n) for n in range(3)]
    files = {
        "train/real/good.jpg": encode(picture(1), "JPEG", quality=90),
        "train/fake/good.png": encode(picture(2), "PNG"),
        "train/real/text.jpg": b"this is a text",
        "train/real/cut.jpg": encode(picture(3, (200, 200)), "JPEG")[:-500],
        "train/real/zero.jpg": b"",
        "train/fake/huge.png": png_header(20_000, 20_000),
        "test/real/cmyk.jpg": encode(picture(4).convert("CMYK"), "JPEG"),
        "test/real/sixteen.png": encode(
            Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32), "PNG"
        ),
        "test/fake/palette.png": encode(picture(5).convert("P"), "PNG", transparency=3),
        "test/fake/moving.gif": encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "test/fake/moving.webp": encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        "test/fake/lies.jpg": encode(picture(6), "WEBP"),
        "test/real/layers.png": b"8BPS\x00\x01" + bytes(60),
        "test/real/a b 'c' \"d\" 😀.jpg": encode(picture(7), "JPEG"),
        "test/real/new\nline.jpg": b"no picture",
        "test/real/back\\slash.jpg": encode(picture(8), "JPEG"),
        "test/real/labels.csv": b"path,label\n",
        "test/real/Thumbs.db": b"droppings",
        "test/fake/.DS_Store": b"droppings",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "test/real/loop.jpg").symlink_to("loop.jpg")
    (root / "test/real/up").symlink_to(root)
    os.mkfifo(root / "test/real/pipe.jpg")
    return root


@pytest.fixture(scope="module")
def bad_audit(bad_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "audit"
    told = []
    result = audit(bad_data, out=out, progress=lambda *facts: told.append(facts))
    return result, told


EXPECTED = {
    "test/fake/lies.jpg": "ok",
    "test/fake/moving.gif": "ok",
    "test/fake/moving.webp": "ok",
    "test/fake/palette.png": "ok",
    "test/real/a b 'c' \"d\" 😀.jpg": "ok",
    "test/real/back\\slash.jpg": "ok",
    "test/real/cmyk.jpg": "ok",
    "test/real/labels.csv": "not_an_image",
    "test/real/layers.png": "unsupported",
    "test/real/loop.jpg": "unreadable",
    "test/real/new\nline.jpg": "not_an_image",
    "test/real/pipe.jpg": "unreadable",
    "test/real/sixteen.png": "ok",
    "test/real/up": "unreadable",
    "train/fake/good.png": "ok",
    "train/fake/huge.png": "too_large",
    "train/real/cut.jpg": "truncated",
    "train/real/good.jpg": "ok",
    "train/real/text.jpg": "not_an_image",
    "train/real/zero.jpg": "empty",
}


def test_every_bad_input_is_a_row_with_its_status(bad_audit):
    images = bad_audit[0].images
    assert dict(images.select("path", "status").rows()) == EXPECTED
    with_error = images.filter(pl.col("error").is_not_null())
    assert set(with_error["path"]) == {path for path, status in EXPECTED.items() if status != "ok"}


def test_the_table_has_exactly_the_columns_sorted_by_path_with_labels_from_folders(bad_audit):
    images = bad_audit[0].images
    assert images.schema == pl.Schema(IMAGE_SCHEMA)
    assert images["path"].to_list() == sorted(EXPECTED)
    for path, label, split in images.select("path", "label", "split").iter_rows():
        assert path.startswith(f"{split}/{label}/")


def test_what_is_missing_is_null(bad_audit):
    images = bad_audit[0].images
    for name in images.columns:
        if images[name].dtype.is_numeric():
            assert (images[name].drop_nulls() >= 0).all()
    bad = images.filter(pl.col("status") != "ok")
    assert bad["brightness"].null_count() == bad.height
    good = images.filter(pl.col("path") == "train/real/good.jpg").row(0, named=True)
    assert (good["width"], good["height"], good["jpeg_quality"]) == (48, 40, 90)
    assert good["generator"] is None


def test_bad_files_are_listed_a_line_each(bad_audit):
    lines = (bad_audit[0].out / "bad_files.txt").read_text("utf-8").splitlines()
    bad = [path for path in sorted(EXPECTED) if EXPECTED[path] != "ok"]
    assert lines == [path.replace("\n", "\\n") for path in bad]


def test_all_files_are_written_and_no_parts_are_left(bad_audit):
    out = bad_audit[0].out
    assert {path.name for path in out.iterdir()} == {*RESULTS, "index.html", "fauxto.json"}
    assert read_images(out / "images.parquet").equals(bad_audit[0].images)
    statistics = json.loads((out / "statistics.json").read_text())
    assert statistics["statuses"]["ok"] == 10
    assert json.loads((out / "findings.json").read_text())["findings"]


def test_thumbnails_are_of_the_readable_pictures(bad_audit):
    thumbnails = pl.read_parquet(bad_audit[0].out / THUMBNAILS)
    ok = [path for path, status in EXPECTED.items() if status == "ok"]
    assert thumbnails["path"].to_list() == sorted(ok)
    assert thumbnails["thumb16"].bin.size().unique().to_list() == [768]
    assert thumbnails.null_count().row(0) == (0,) * thumbnails.width


def test_progress_counts_every_file(bad_audit):
    told = [facts for facts in bad_audit[1] if facts[0] == "audit"]
    assert told[-1][1:3] == (len(EXPECTED), len(EXPECTED))


def test_the_same_call_again_reads_the_result(bad_audit, bad_data, monkeypatch):
    monkeypatch.setattr(audit_run, "_inspect", None)
    again = audit(bad_data, out=bad_audit[0].out)
    assert again.reused
    assert again.images.equals(bad_audit[0].images)
    assert again.findings == bad_audit[0].findings


def fill(root, *, real=6, fake=6):
    for label, number in (("real", real), ("fake", fake)):
        (root / label).mkdir(parents=True, exist_ok=True)
        for n in range(number):
            seed = n * 2 + (label == "fake")
            (root / label / f"{n:03d}.jpg").write_bytes(encode(picture(seed), "JPEG"))
    return root


def contents(out):
    return {name: (out / name).read_bytes() for name in RESULTS}


def test_changed_data_are_noticed_and_overwrite_replaces(tmp_path):
    data = fill(tmp_path / "data")
    audit(data, out=tmp_path / "out", workers=1)
    (data / "real" / "000.jpg").write_bytes(b"now a text of another length")
    with pytest.raises(OtherResult, match="--overwrite"):
        audit(data, out=tmp_path / "out")
    result = audit(data, out=tmp_path / "out", workers=1, overwrite=True)
    assert not result.reused
    assert result.images["status"].to_list().count("not_an_image") == 1


@pytest.mark.parametrize("change", ["content", "one more", "one less", "label", "limit"])
def test_an_audit_that_was_stopped_goes_on_with_the_same_data_only(tmp_path, monkeypatch, change):
    def stop(*_):
        raise KeyboardInterrupt

    data = fill(tmp_path / "data", real=3, fake=3)
    monkeypatch.setattr(audit_run, "_inspect", stop)
    for _ in range(2):  # the same call comes as far as before
        with pytest.raises(KeyboardInterrupt):
            audit(data, out=tmp_path / "out")
    if change == "content":
        (data / "real" / "000.jpg").write_bytes(b"a text of another length")
    elif change == "one more":
        (data / "real" / "more.jpg").write_bytes(b"x")
    elif change == "one less":
        (data / "real" / "000.jpg").unlink()
    elif change == "label":
        (data / "real" / "000.jpg").rename(data / "fake" / "more.jpg")
    limit = 1000 if change == "limit" else 200_000_000
    with pytest.raises(OtherResult, match="--overwrite"):
        audit(data, out=tmp_path / "out", max_pixels=limit)


def test_pixel_limit_is_an_argument(tmp_path):
    data = fill(tmp_path / "data", real=2, fake=2)
    result = audit(data, out=tmp_path / "out", workers=1, max_pixels=48 * 40 - 1)
    assert set(result.images["status"]) == {"too_large"}
    assert result.findings[0].severity == "blocking"


@pytest.mark.parametrize(
    ("names", "message"), [([], "no images"), (["real/a.jpg", "real/b.jpg"], "only real images")]
)
def test_empty_and_one_class_folders_are_errors_and_write_nothing(tmp_path, names, message):
    (tmp_path / "data").mkdir()
    for name in names:
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_bytes(encode(picture(1), "JPEG"))
    with pytest.raises(DataError, match=message):
        audit(tmp_path / "data", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_of_paths_gives_the_same_facts(tmp_path):
    data = fill(tmp_path / "data", real=3, fake=3)
    table = tmp_path / "list.json"
    rows = [
        {"path": str(path), "label": path.parent.name, "split": "test", "source": "web"}
        for path in sorted(data.rglob("*.jpg"))
    ]
    table.write_text(json.dumps(rows))
    by_table = audit(table, out=tmp_path / "one", workers=1).images
    by_folder = audit(data, out=tmp_path / "two", workers=1).images
    assert by_table["path"][0] == "data/fake/000.jpg"
    assert set(by_table["split"]) == {"test"}
    assert set(by_table["source"]) == {"web"}
    facts = [name for name in IMAGE_SCHEMA if name not in ("path", "split", "source", "group")]
    assert by_table.select(facts).equals(by_folder.select(facts))


def test_groups_of_duplicates_are_in_the_table(tmp_path):
    data = fill(tmp_path / "data")
    shutil.copy(data / "real" / "001.jpg", data / "fake" / "copy.jpg")
    images = audit(data, out=tmp_path / "out", workers=1).images
    grouped = images.filter(pl.col("group").is_not_null())
    assert grouped["path"].to_list() == ["fake/copy.jpg", "real/001.jpg"]
    assert grouped["group"].n_unique() == 1


SCRIPT = """
import sys
from pathlib import Path
from fauxto.audit import run

if __name__ == "__main__":
    run.PART_ROWS = 8
    run.audit(Path(sys.argv[1]), out=Path(sys.argv[2]), workers=1)
"""


def test_a_killed_audit_goes_on_and_ends_in_the_same_tables(tmp_path, monkeypatch):
    data = fill(tmp_path / "data", real=18, fake=27)  # too few reals to judge shortcuts slowly
    monkeypatch.setattr(audit_run, "PART_ROWS", 8)
    whole = tmp_path / "whole"
    audit(data, out=whole, workers=1)
    out = tmp_path / "out"
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, tmp_path / "script.py", data, out])
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    while not (out / "parts" / "part-000001.parquet").exists() and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    watchdog.cancel()
    done = len(list((out / "parts").glob("part-*.parquet")))
    assert done >= 2

    started = []
    from fauxto.engine import part

    read = part.read_listing
    monkeypatch.setattr(
        part, "read_listing", lambda plan, number: started.append(number) or read(plan, number)
    )
    result = audit(data, out=out, workers=1)
    assert started == list(range(done, 6))
    assert not result.reused
    assert contents(out) == contents(whole)
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}


def test_a_full_disk_is_one_error_and_the_next_call_goes_on(tmp_path, monkeypatch):
    data = fill(tmp_path / "data", real=10, fake=10)
    monkeypatch.setattr(audit_run, "PART_ROWS", 8)
    written = []

    from fauxto.engine import part

    write = part.write_table

    def fill_up(path, frame):
        if len(written) == 2:
            raise ArtifactError(f"cannot write {path}: No space left on device")
        written.append(Path(path))
        write(path, frame)

    with monkeypatch.context() as patch:
        patch.setattr(part, "write_table", fill_up)
        with pytest.raises(ArtifactError, match="No space left"):
            audit(data, out=tmp_path / "out", workers=1)
    assert [path.name for path in written] == ["part-000000.parquet", "part-000001.parquet"]
    assert audit(data, out=tmp_path / "out", workers=1).images.height == 20


def test_a_file_that_kills_or_hangs_its_worker_is_a_row(tmp_path, monkeypatch):
    data = fill(tmp_path / "data", real=3, fake=3)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import inspection_that_fails

    monkeypatch.setattr(audit_run, "InspectRow", inspection_that_fails.FailingRow)
    monkeypatch.setattr(audit_run, "TIMEOUT_S", 1.5)
    (data / "real" / "hang.jpg").write_bytes(b"hang")
    (data / "real" / "die.jpg").write_bytes(b"die")
    images = audit(data, out=tmp_path / "out", workers=1).images
    errors = dict(images.filter(pl.col("status") != "ok").select("path", "error").rows())
    assert errors == {
        "real/die.jpg": "decoding it failed: its worker process died (SIGKILL)",
        "real/hang.jpg": "decoding it failed: it took longer than 1.5 s",
    }
    assert images.filter(pl.col("path") == "real/die.jpg")["bytes"].item() == 3


def test_from_a_bucket_and_from_shards_the_facts_are_those_from_disk(tmp_path, put):
    data = fill(tmp_path / "data", real=6, fake=6)
    here = audit(data, out=tmp_path / "here", workers=1).images
    there = audit(put(data), out=tmp_path / "there", workers=1).images
    assert there.equals(here)
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        for path in sorted(data.rglob("*.*")):
            tar.add(path, arcname=path.relative_to(data).as_posix())
    sharded = audit(tmp_path / "all.tar", out=tmp_path / "sharded", workers=1).images
    plain = sharded.with_columns(pl.col("path").str.strip_prefix("all.tar/"))
    same = [name for name in here.columns if name not in ("group", "source", "generator")]
    assert plain.select(same).equals(here.select(same))


def stored(out):
    """Return the results of an audit at any address, by name."""
    names = storage.names_in(out, hidden=True) - {"fauxto.json"}
    return {name: storage.read(storage.join(out, name)) for name in names}


@pytest.fixture(params=["s3", "memory"])
def far(request, tmp_path):
    """Return a folder that is no path: in a bucket, or in another of fsspec's stores."""
    if request.param == "memory":  # of this process: only the workers of threads would see it
        request.getfixturevalue("in_this_process")
        return f"memory://{tmp_path.name}"
    return request.getfixturevalue("s3")


@pytest.fixture
def in_this_process(monkeypatch):
    """Read files and compare blocks here, without worker processes."""
    from fauxto.engine import part

    class Pool:
        def __init__(self, function, **_):
            self.function = function

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def map(self, rows, *, progress):
            yield from map(self.function, rows)

    monkeypatch.setattr(part, "RowPool", Pool)
    monkeypatch.setattr(near, "spread", lambda work, count, *_, **__: map(work, range(count)))


def near_copies(data, number=4):
    """Add near copies, so that comparing blocks has something to find."""
    for n in range(number):
        image = Image.open(data / "real" / f"{n:03d}.jpg")
        image.save(data / "fake" / f"near{n}.jpg", quality=60)
    return data


def test_at_a_url_every_file_is_that_on_disk_byte_for_byte(tmp_path, far, monkeypatch):
    data = near_copies(fill(tmp_path / "data", real=14, fake=12))
    (data / "real" / "bad.jpg").write_bytes(b"no picture")
    whole = audit(data, out=tmp_path / "whole", workers=1)
    # Many parts, and blocks that are written to the address and compared two by two.
    monkeypatch.setattr(audit_run, "PART_ROWS", 7)
    monkeypatch.setattr(near, "BLOCK_ROWS", 8)
    result = audit(data, out=f"{far}/deep/out", workers=1)
    assert result.out == f"{far}/deep/out"
    assert result.findings == whole.findings
    assert "duplicates.near" in {finding.kind for finding in result.findings}
    here, there = stored(tmp_path / "whole"), stored(f"{far}/deep/out")
    assert set(there) == {*RESULTS, "index.html"}
    assert there == here
    assert storage.names_in(far) == {"deep"}


def test_a_finished_audit_at_a_url_is_read_and_others_are_refused(tmp_path, s3, monkeypatch):
    data = fill(tmp_path / "data", real=3, fake=3)
    out = f"{s3}/out"
    first = audit(data, out=out, workers=1)
    storage.write(f"{out}/parts/part-000000.parquet", b"left by one killed at the very end")
    with monkeypatch.context() as patch:
        patch.setattr(audit_run, "_inspect", None)
        again = audit(str(data), out=out)
    assert again.reused
    assert again.images.equals(first.images)
    assert again.findings == first.findings
    assert "parts" not in storage.names_in(out)
    (data / "real" / "000.jpg").write_bytes(b"now a text of another length")
    with pytest.raises(OtherResult, match="--overwrite"):
        audit(data, out=out)
    storage.write(f"{s3}/out2/mine.txt", b"precious")
    with pytest.raises(ArtifactError, match=r"did not write \(mine.txt\)"):
        audit(data, out=f"{s3}/out2", overwrite=True)
    result = audit(data, out=out, workers=1, overwrite=True)
    assert result.images["status"].to_list().count("not_an_image") == 1
    assert storage.read(f"{s3}/out2/mine.txt") == b"precious"


def test_an_audit_killed_at_a_url_goes_on_and_ends_in_the_same_files(tmp_path, s3, monkeypatch):
    data = fill(tmp_path / "data", real=18, fake=27)
    monkeypatch.setattr(audit_run, "PART_ROWS", 8)
    audit(data, out=tmp_path / "whole", workers=1)
    out = f"{s3}/out"
    (tmp_path / "script.py").write_text(SCRIPT.replace("Path(sys.argv[2])", "sys.argv[2]"))
    process = subprocess.Popen([sys.executable, tmp_path / "script.py", data, out])
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    while not storage.exists(f"{out}/parts/part-000001.parquet") and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    watchdog.cancel()
    done = len([name for name in storage.names_in(f"{out}/parts") if name.startswith("part-")])
    assert done >= 2
    started = []
    from fauxto.engine import part

    read = part.read_listing
    monkeypatch.setattr(
        part, "read_listing", lambda plan, number: started.append(number) or read(plan, number)
    )
    result = audit(data, out=out, workers=1)
    assert started == list(range(done, 6))
    assert not result.reused
    assert stored(out) == stored(tmp_path / "whole")


def test_nothing_is_left_here_by_an_audit_at_a_url_that_failed(tmp_path, s3, monkeypatch):
    data = fill(tmp_path / "data", real=3, fake=3)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def fail(file, address):
        raise ArtifactError(f"cannot write {address}: the store answered 503")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "put", fail)
        with pytest.raises(ArtifactError, match="503"):
            audit(data, out=f"{s3}/out", workers=1)
    assert list((tmp_path / "temporary").iterdir()) == []
    with pytest.raises(ArtifactError, match="unfinished"):
        require_finished(f"{s3}/out", "audit")
    assert audit(data, out=f"{s3}/out", workers=1).images.height == 6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_on_ray_into_a_bucket_every_file_is_that_on_disk(tmp_path, s3, put, monkeypatch):
    pytest.importorskip("ray")
    data = near_copies(fill(tmp_path / "data", real=14, fake=12))
    (data / "real" / "bad.jpg").write_bytes(b"no picture")
    audit(data, out=tmp_path / "whole", workers=1)
    monkeypatch.setattr(audit_run, "PART_ROWS", 7)
    monkeypatch.setattr(near, "BLOCK_ROWS", 8)
    audit(put(data), out=f"{s3}/out", engine=Engine(EngineName.RAY, 2))
    here, there = stored(tmp_path / "whole"), stored(f"{s3}/out")
    assert set(here) == set(there)
    for name in set(here) - {"index.html", "statistics.json"}:
        assert there[name] == here[name], name
    for name in ("index.html", "statistics.json"):  # these name the data
        assert there[name].decode().replace(f"{s3}/data", "DATA") == here[name].decode().replace(
            str(data), "DATA"
        )


def test_what_is_missing_in_the_bucket_is_a_row(tmp_path, put):
    data = fill(tmp_path / "data", real=3, fake=3)
    bucket = put(data)
    names = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.*"))
    table = pl.DataFrame(
        {
            "path": [*(f"{bucket}/{name}" for name in names), f"{bucket}/fake/none.jpg"],
            "label": [*(name.partition("/")[0] for name in names), "fake"],
        }
    )
    storage.write(f"{bucket}/table.csv", table.write_csv().encode())
    images = audit(f"{bucket}/table.csv", out=tmp_path / "out", workers=1).images
    bad = images.filter(pl.col("status") != "ok")
    assert images.height == 7
    assert bad.select("path", "status", "error").rows() == [
        ("fake/none.jpg", "unreadable", "cannot be read: it does not exist")
    ]


def test_lost_plots_leave_a_page_without_plots_and_a_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert (
            conclude._describe_lost(FigureJob((tmp_path / "part.parquet",)), "it took too long")
            == {}
        )
    assert "no plots: it took too long" in caplog.text
