from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fauxto.core import storage
from fauxto.core.errors import ArtifactError
from fauxto.data.table import IMAGE_SCHEMA, read_frame, read_images, write_table


@pytest.fixture(params=["disk", "s3"])
def place(request, tmp_path):
    return tmp_path if request.param == "disk" else request.getfixturevalue("s3")


def test_round_trip_keeps_rows_nulls_and_extra_columns(place):
    frame = pl.DataFrame(
        {"path": ["a", "b"], "phash": [2**64 - 1, None]}, schema_overrides=IMAGE_SCHEMA
    )
    frame = pl.concat([pl.DataFrame(schema=IMAGE_SCHEMA), frame], how="diagonal")
    frame = frame.with_columns(original=pl.lit("x"))
    address = storage.join(place, "images.parquet")
    write_table(address, frame)
    assert read_images(address).equals(frame)
    assert read_frame(address, ["phash"]).to_series().to_list() == [2**64 - 1, None]
    assert storage.names_in(place, hidden=True) == {"images.parquet"}


def test_missing_damaged_and_foreign_tables_are_errors(place):
    with pytest.raises(ArtifactError, match=r"none\.parquet does not exist"):
        read_images(storage.join(place, "none.parquet"))
    storage.write(storage.join(place, "bad.parquet"), b"PAR1 no more")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_images(storage.join(place, "bad.parquet"))
    write_table(storage.join(place, "other.parquet"), pl.DataFrame({"path": ["a"]}))
    with pytest.raises(ArtifactError, match="label"):
        read_images(storage.join(place, "other.parquet"))


def test_full_disk_is_an_error_for_the_user(tmp_path, monkeypatch):
    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda _, content: write(Path("/dev/full"), content))
    with pytest.raises(ArtifactError, match="No space left"):
        write_table(tmp_path / "images.parquet", pl.DataFrame({"path": ["a"]}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), None])
def test_full_disk_is_an_error_for_the_user_while_a_table_is_computed(tmp_path, monkeypatch, error):
    def no_space(self, path, **_options):
        if error is not None:
            raise error
        # What polars itself raises on a full disk.
        return sink(self, "/dev/full")

    sink = pl.LazyFrame.sink_parquet
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", no_space)
    frame = pl.DataFrame({"path": [str(n) for n in range(100_000)]})
    with pytest.raises(ArtifactError, match="No space left"):
        write_table(tmp_path / "images.parquet", frame.lazy())
    assert list(tmp_path.iterdir()) == []


def test_a_lazy_frame_is_written_in_order_and_as_on_disk(tmp_path, place):
    frame = pl.DataFrame({"n": range(50_000)})
    write_table(storage.join(place, "n.parquet"), frame.lazy())
    assert read_frame(storage.join(place, "n.parquet")).equals(frame)
    write_table(tmp_path / "here.parquet", frame.lazy())
    assert (tmp_path / "here.parquet").read_bytes() == storage.read(
        storage.join(place, "n.parquet")
    )


def test_a_table_larger_than_one_request_arrives_whole(s3, tmp_path):
    rows = np.random.default_rng(1).integers(0, 2**63, 2_000_000)  # 16 MB that do not compress
    frame = pl.DataFrame({"n": rows})
    write_table(f"{s3}/big.parquet", frame.lazy())
    assert storage.size_of(f"{s3}/big.parquet") > 15_000_000
    assert read_frame(f"{s3}/big.parquet").equals(frame)


def test_what_cannot_be_stored_is_one_error_and_leaves_nothing_here(s3, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ArtifactError, match="cannot write s3://no-such-bucket"):
        write_table("s3://no-such-bucket/n.parquet", pl.DataFrame({"n": [1]}).lazy())
    assert list(tmp_path.iterdir()) == []
