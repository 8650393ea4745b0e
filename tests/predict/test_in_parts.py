import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from fauxto.core import storage
from fauxto.core.artifacts import FolderState
from fauxto.core.errors import ArtifactError, OtherResult
from fauxto.data.table import read_frame
from fauxto.engine.part import Engine
from fauxto.engine.plan import LISTING, MANIFEST
from fauxto.predict.in_parts import count_verdicts, predict_in_parts
from fauxto.predict.writing import COLUMNS


@pytest.fixture
def pictures(tmp_path, jpeg):
    """Return a folder with 22 pictures, one broken file and one that is empty."""
    folder = tmp_path / "pictures"
    for number in range(22):
        path = folder / ("real" if number % 2 else "fake") / f"{number:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    (folder / "real" / "broken.jpg").write_bytes(b"not a picture")
    (folder / "real" / "empty.jpg").write_bytes(b"")
    return folder


@pytest.fixture
def jpeg():
    import io

    from PIL import Image

    def make(level):
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30), (level * 11, 200, 90)).save(buffer, "JPEG")
        return buffer.getvalue()

    return make


def run(pictures, out, model, workers=1, **options):
    return predict_in_parts(
        [str(pictures)], out=str(out), model=model, engine=Engine(workers=workers), part_rows=5,
        **options,
    )  # fmt: skip


def table(plan):
    return pl.concat([read_frame(address) for address in plan.parts()])


def digest(plan):
    return hashlib.sha256(table(plan).write_ndjson().encode()).hexdigest()


def test_every_row_is_there_once_and_the_sums_add_up(tmp_path, pictures, model):
    plan = run(pictures, tmp_path / "out", model)
    rows = table(plan)
    assert rows["path"].to_list() == sorted(str(path) for path in pictures.rglob("*.jpg"))
    assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (24, 22, 2)
    assert rows.filter(pl.col("error").is_null())["score"].null_count() == 0
    errors = rows.filter(pl.col("error").is_not_null())["error"].to_list()
    assert [error.partition(":")[0] for error in errors] == ["not_an_image", "empty"]
    assert set(COLUMNS) < set(rows.columns)
    assert rows["label"].to_list() == ["fake"] * 11 + ["real"] * 13
    counts = count_verdicts(plan)
    assert sum(counts.values()) == 24
    assert counts["error"] == 2


def test_the_manifest_tells_parts_digest_and_sums(tmp_path, pictures, model):
    run(pictures, tmp_path / "out", model)
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["finished"] is True
    assert manifest["listing"]["parts"] == 5
    assert manifest["listing"]["rows"] == 24
    assert manifest["sums"] == {"rows": 24, "ok": 22, "errors": 2}


def test_rows_do_not_depend_on_the_number_of_workers(tmp_path, pictures, model):
    digests = {digest(run(pictures, tmp_path / f"o{n}", model, workers=n)) for n in (1, 2, 3)}
    assert len(digests) == 1


def test_from_a_bucket_and_into_one_the_rows_are_those_from_disk(
    tmp_path, pictures, model, s3, put
):
    here = table(run(pictures, tmp_path / "out", model))
    there = table(run(put(pictures), f"{s3}/out", model))
    prefixes = (str(pictures), f"{s3}/data")
    plain = [
        rows.with_columns(pl.col("path").str.strip_prefix(prefix))
        for rows, prefix in zip((here, there), prefixes, strict=True)
    ]
    assert plain[0].equals(plain[1])
    assert storage.names_in(f"{s3}/out") >= {"manifest.json", "part-000004.parquet", LISTING}


def test_a_part_that_is_missing_is_made_again_and_no_other(tmp_path, pictures, model):
    out = tmp_path / "out"
    first = digest(run(pictures, out, model))
    manifest = json.loads((out / MANIFEST).read_text())
    manifest.update(finished=False, sums=None)
    (out / MANIFEST).write_text(json.dumps(manifest))
    written = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    (out / "part-000002.parquet").unlink()
    again = run(pictures, out, model)
    assert digest(again) == first
    new = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert [name for name in new if new[name] != written[name]] == ["part-000002.parquet"]


def test_a_finished_folder_is_left_as_it_is(tmp_path, pictures, model):
    run(pictures, tmp_path / "out", model)
    assert run(pictures, tmp_path / "out", model).state is FolderState.DONE


def test_pictures_that_came_since_are_not_passed_over_in_silence(tmp_path, pictures, model, jpeg):
    run(pictures, tmp_path / "out", model)
    (pictures / "new.jpg").write_bytes(jpeg(3))
    with pytest.raises(OtherResult, match=r"finished with 24 images, and now there are 25"):
        run(pictures, tmp_path / "out", model)
    (pictures / "new.jpg").rename(pictures / "fake/00.jpg")  # again 24, of the same names
    assert run(pictures, tmp_path / "out", model).state is FolderState.DONE


def test_other_arguments_are_refused_unless_overwritten(tmp_path, pictures, model):
    run(pictures, tmp_path / "out", model)
    with pytest.raises(OtherResult, match="other arguments"):
        run(pictures, tmp_path / "out", model, stability=True)
    assert run(pictures, tmp_path / "out", model, stability=True, overwrite=True).sums.rows == 24


def test_a_folder_of_others_is_not_touched(tmp_path, pictures, model):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="did not write"):
        run(pictures, tmp_path / "out", model, overwrite=True)


def test_a_full_disk_is_one_error_and_the_next_call_goes_on(tmp_path, pictures, model, monkeypatch):
    from fauxto.engine import part

    def full(address, frame):
        if address.endswith("part-000001.parquet"):
            raise ArtifactError(f"cannot write {address}: No space left on device")
        write(address, frame)

    write = part.write_table
    monkeypatch.setattr(part, "write_table", full)
    with pytest.raises(ArtifactError, match=r"1 of 5 parts .*No space left.* 5 of 24 rows"):
        run(pictures, tmp_path / "out", model)
    monkeypatch.setattr(part, "write_table", write)
    assert run(pictures, tmp_path / "out", model).sums.rows == 24


def test_a_changed_part_is_found_by_the_sums(tmp_path, pictures, model):
    out = tmp_path / "out"
    run(pictures, out, model)
    manifest = json.loads((out / MANIFEST).read_text())
    manifest.update(finished=False, sums=None)
    (out / MANIFEST).write_text(json.dumps(manifest))
    read_frame(str(out / "part-000001.parquet")).head(2).write_parquet(out / "part-000001.parquet")
    with pytest.raises(ArtifactError, match="holds 21 rows where 24 images were listed"):
        run(pictures, out, model)


def test_a_killed_driver_is_completed_by_the_same_call(tmp_path, pictures, model):
    out, whole = tmp_path / "out", run(pictures, tmp_path / "whole", model)
    code = (
        "import sys; from pathlib import Path; from fauxto.engine.part import Engine; "
        "from fauxto.predict.in_parts import predict_in_parts as p; "
        "p([sys.argv[1]], out=sys.argv[2], model=Path(sys.argv[3]), engine=Engine(workers=1), "
        "part_rows=5)"
    )
    command = [sys.executable, "-c", code, str(pictures), str(out), str(model)]
    driver = subprocess.Popen(command, env=os.environ)
    while not (out / "part-000000.parquet").is_file():
        assert driver.poll() is None
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert digest(run(pictures, out, model)) == digest(whole)
    assert not list(Path(out).glob(".*"))
