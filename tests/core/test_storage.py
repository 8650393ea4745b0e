from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fauxto.core import storage, stores
from fauxto.core.errors import ArtifactError, DataError, MissingExtra


@pytest.fixture(params=["disk", "s3"])
def folder(request, tmp_path):
    return str(tmp_path / "here") if request.param == "disk" else request.getfixturevalue("s3")


def test_what_was_written_is_read_whole_and_in_ranges(folder):
    address = storage.join(folder, "a/b c.bin")
    storage.write(address, bytes(range(100)))
    assert storage.read(address) == bytes(range(100))
    assert storage.read(address, 10, 5) == bytes(range(10, 15))
    assert storage.size_of(address) == 100
    assert storage.exists(address)
    assert not storage.exists(storage.join(folder, "a"))
    assert storage.is_folder(storage.join(folder, "a"))
    assert not storage.is_folder(address)


def test_a_range_beyond_the_end_is_an_error_not_fewer_bytes(folder):
    address = storage.join(folder, "short.bin")
    storage.write(address, b"12345")
    with pytest.raises(OSError, match="3 bytes came where 10 were asked for"):
        storage.read(address, 2, 10)


def test_missing_is_told_in_the_same_words_each_time(folder):
    words = []
    for _ in range(2):
        with pytest.raises(FileNotFoundError) as caught:
            storage.read(storage.join(folder, "none.jpg"))
        words.append(caught.value.strerror)
    assert words[0] == words[1]
    assert "ms" not in words[0]


def test_walk_is_sorted_and_leaves_hidden_files_out(folder):
    for name in ("b.jpg", "a/z.jpg", "a/.hidden", "a/b/c.jpg", "c/d.jpg"):
        storage.write(storage.join(folder, name), b"x")
    found = [file.address.removeprefix(folder).lstrip("/") for file in storage.walk(folder)]
    assert found == ["a/b/c.jpg", "a/z.jpg", "b.jpg", "c/d.jpg"]


def test_walk_does_not_go_round_in_circles_and_meets_links_that_lead_nowhere(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"12")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nothing")
    found = {Path(file.address).name: file.size for file in storage.walk(str(tmp_path))}
    assert found["a.jpg"] == 2
    assert found["lost.jpg"] is None
    assert sorted(found) == ["a.jpg", "again", "lost.jpg"]


def test_no_such_prefix_is_an_error(folder):
    with pytest.raises(DataError):
        list(storage.walk(storage.join(folder, "nothing")))
    assert storage.names_in(storage.join(folder, "nothing")) == set()


def test_removed_files_are_gone(folder):
    address = storage.join(folder, "x")
    storage.remove(address)
    storage.write(address, b"1")
    storage.remove(address)
    assert not storage.exists(address)


def test_other_protocols_are_those_of_fsspec():
    storage.write("memory://box/a/b.txt", b"hello")
    assert storage.read("memory://box/a/b.txt", 1, 3) == b"ell"
    assert [file.address for file in storage.walk("memory://box")] == ["memory:///box/a/b.txt"]


def test_a_web_server_is_read_and_not_written(tmp_path):
    pytest.importorskip("aiohttp")
    (tmp_path / "a.txt").write_bytes(b"hello")
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    )
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        assert storage.read(f"{address}/a.txt") == b"hello"
        assert storage.exists(f"{address}/a.txt")
        assert not storage.exists(f"{address}/none.txt")
        with pytest.raises(FileNotFoundError):
            storage.read(f"{address}/none.txt")
        assert [file.address for file in storage.walk(address)] == [f"{address}/a.txt"]
        with pytest.raises(ArtifactError, match=f"cannot write {address}/b.txt"):
            storage.write(f"{address}/b.txt", b"x")
    finally:
        server.shutdown()
        server.server_close()


def test_an_unknown_protocol_says_so():
    with pytest.raises(DataError, match="nothing here opens nonsense://"):
        storage.read("nonsense://a/b")


def test_a_bucket_that_is_not_there_cannot_be_written(s3):
    with pytest.raises(ArtifactError, match="cannot write s3://no-such-bucket"):
        storage.write("s3://no-such-bucket/x", b"1")


def test_a_missing_client_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "obstore.fsspec", None)
    stores.connect.cache_clear()
    with pytest.raises(MissingExtra, match=r"fauxto\[cloud\]"):
        storage.read("s3://bucket/key")
    stores.connect.cache_clear()
