"""One image to its row, here and not in a process of its own."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from fauxto.audit.inspect_row import PART_SCHEMA, InspectRow, describe_lost
from fauxto.core import storage
from fauxto.data.collect import collect
from fauxto.data.stored import StoredImage
from fauxto.imaging.decode import Limits

ROW = InspectRow(Limits(max_pixels=48 * 40, max_bytes=50_000))


@pytest.fixture(scope="module")
def content():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def place(tmp_path, content, where):
    """Return an image whose bytes lie in a file, a bucket or a shard."""
    told = {"label": "fake", "split": "test", "source": "web", "generator": "flux"}
    if where == "file":
        (tmp_path / "a.png").write_bytes(content)
        return StoredImage("fake/a.png", str(tmp_path / "a.png"), **told)
    if where == "store":
        storage.write("memory://inspect/a.png", content)
        return StoredImage("fake/a.png", "memory://inspect/a.png", **told)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        facts = tarfile.TarInfo("a.png")
        facts.size = len(content)
        tar.addfile(facts, io.BytesIO(content))
    (image,) = collect([str(tmp_path / "a.tar")])
    return StoredImage(
        "fake/a.png", image.address, offset=image.offset, length=image.length, **told
    )


@pytest.mark.parametrize("where", ["file", "store", "shard"])
def test_an_image_has_the_same_row_wherever_it_lies(tmp_path, content, where):
    row = ROW(place(tmp_path, content, where))
    assert list(row) == list(PART_SCHEMA)
    listed = (row["path"], row["label"], row["split"], row["source"], row["generator"])
    assert listed == ("fake/a.png", "fake", "test", "web", "flux")
    assert (row["status"], row["error"], row["width"], row["height"]) == ("ok", None, 48, 40)
    assert (row["format"], row["bytes"], len(row["thumb16"])) == ("PNG", len(content), 768)


@pytest.mark.parametrize("where", ["file", "store", "shard"])
def test_a_bad_image_has_its_status_wherever_it_lies(tmp_path, content, where):
    assert ROW(place(tmp_path, content[:-500], where))["status"] == "truncated"
    assert ROW(place(tmp_path, b"", where))["status"] == "empty"
    large = place(tmp_path, content + bytes(50_000), where)
    assert ROW(large)["status"] == "too_large"


def test_what_is_gone_is_a_row_that_says_so(tmp_path):
    for address, offset in (("memory://inspect/gone.png", None), (str(tmp_path / "gone.tar"), 512)):
        row = ROW(StoredImage("a.png", address, offset=offset, length=offset and 9, label="real"))
        assert (row["path"], row["label"], row["status"]) == ("a.png", "real", "unreadable")
        assert row["error"] == "cannot be read: it does not exist"
        assert row["width"] is None


@pytest.mark.parametrize("where", ["file", "shard"])
def test_an_image_that_killed_its_worker_keeps_its_size(tmp_path, content, where):
    row = describe_lost(place(tmp_path, content, where), "it took longer than 10 s")
    assert (row["path"], row["label"], row["bytes"]) == ("fake/a.png", "fake", len(content))
    assert (row["status"], row["error"]) == (
        "undecodable", "decoding it failed: it took longer than 10 s",
    )  # fmt: skip


def test_the_size_of_what_cannot_be_asked_is_not_known(tmp_path):
    for address in (str(tmp_path / "gone.png"), "memory://inspect/gone.png"):
        assert describe_lost(StoredImage("a.png", address), "it died")["bytes"] is None
