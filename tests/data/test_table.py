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


def test_full_disk_is_an_error_for_the_user(tmp_path, monkeypatch):
    def no_space(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", no_space)
    with pytest.raises(ArtifactError, match="No space left"):
        write_table(tmp_path / "images.parquet", pl.DataFrame(schema=IMAGE_SCHEMA))
    assert list(tmp_path.iterdir()) == []
