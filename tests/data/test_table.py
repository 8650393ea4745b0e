import polars as pl
import pytest

from fauxto.core.errors import ArtifactError
from fauxto.data.table import IMAGE_SCHEMA, read_images, write_table


def test_round_trip_keeps_rows_nulls_and_extra_columns(tmp_path):
    frame = pl.DataFrame(
        {"path": ["a", "b"], "phash": [2**64 - 1, None]}, schema_overrides=IMAGE_SCHEMA
    )
    frame = pl.concat([pl.DataFrame(schema=IMAGE_SCHEMA), frame], how="diagonal")
    frame = frame.with_columns(original=pl.lit("x"))
    write_table(tmp_path / "images.parquet", frame)
    assert read_images(tmp_path / "images.parquet").equals(frame)
    assert [path.name for path in tmp_path.iterdir()] == ["images.parquet"]


def test_missing_damaged_and_foreign_tables_are_errors(tmp_path):
    with pytest.raises(ArtifactError, match="does not exist"):
        read_images(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_images(tmp_path / "bad.parquet")
    pl.DataFrame({"path": ["a"]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(ArtifactError, match="label"):
        read_images(tmp_path / "other.parquet")


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), None])
def test_full_disk_is_an_error_for_the_user(tmp_path, monkeypatch, lazy, error):
    def no_space(self, path, **_options):
        if error is not None:
            raise error
        # What polars itself raises on a full disk.
        return write(self, "/dev/full")

    kind, name = (pl.LazyFrame, "sink_parquet") if lazy else (pl.DataFrame, "write_parquet")
    write = getattr(kind, name)
    monkeypatch.setattr(kind, name, no_space)
    frame = pl.DataFrame({"path": [str(n) for n in range(100_000)]})
    with pytest.raises(ArtifactError, match="No space left"):
        write_table(tmp_path / "images.parquet", frame.lazy() if lazy else frame)
    assert list(tmp_path.iterdir()) == []


def test_a_lazy_frame_is_written_in_order(tmp_path):
    frame = pl.DataFrame({"n": range(5000)})
    write_table(tmp_path / "n.parquet", frame.lazy())
    assert pl.read_parquet(tmp_path / "n.parquet").equals(frame)
