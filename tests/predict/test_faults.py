"""A bucket that throttles, breaks off, or does not have what a table names: rows, not an end."""

import io
import re
import threading
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import polars as pl
import pytest
from PIL import Image

from fauxto.core import storage, stores
from fauxto.core.choices import EngineName
from fauxto.core.errors import ArtifactError
from fauxto.data.table import read_frame
from fauxto.engine.part import Engine
from fauxto.predict.in_parts import predict_in_parts

KEPT = ("content-type", "content-range", "etag", "last-modified", "accept-ranges")


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on to the S3 server, but for objects whose names say what goes wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._hand_on()

    def do_HEAD(self):
        self._hand_on()

    def do_PUT(self):
        self._hand_on()

    def do_POST(self):
        self._hand_on()

    def do_DELETE(self):
        self._hand_on()

    def log_message(self, *_):
        """Say nothing."""

    def _hand_on(self):
        name = self.path.partition("?")[0].rpartition("/")[2]
        if part := re.search(r"partNumber=(\d+)", self.path):
            name += f"#{part[1]}"
        if self.command == "GET" and name.endswith(".jpg"):
            self.server.asked[name] += 1
            always, twice = name.startswith("throttled-always"), name.startswith("throttled-twice")
            if always or (twice and self.server.asked[name] <= 2):
                self._answer(503, {"retry-after": "0"}, b"<Error><Code>SlowDown</Code></Error>")
                return
        length = int(self.headers.get("content-length") or 0)
        if self.command == "PUT" and "/listing/" not in self.path and self.server.refused[name] > 0:
            self.server.refused[name] -= 1
            self.rfile.read(length)
            self._answer(503, {"retry-after": "0"}, b"<Error><Code>SlowDown</Code></Error>")
            return
        upstream = HTTPConnection(self.server.upstream, timeout=30)
        upstream.request(self.command, self.path, self.rfile.read(length), dict(self.headers))
        answer = upstream.getresponse()
        headers = {k: v for k, v in answer.getheaders() if k.lower() in KEPT}
        if self.command == "HEAD":
            headers["content-length"] = answer.getheader("content-length") or "0"
        body = answer.read()
        upstream.close()
        if self.command == "GET" and name.startswith("broken-off"):
            self._answer(answer.status, headers, body[: len(body) // 2], length=len(body))
            self.close_connection = True
            return
        self._answer(answer.status, headers, body)

    def _answer(self, status, headers, body, length=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def proxy(s3, s3_server, monkeypatch):
    """Put a store that has its bad days between the tests and the S3 server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    server.upstream = urlsplit(s3_server).netloc
    server.asked, server.refused = Counter(), Counter()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    stores.connect.cache_clear()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def picture(level):
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), level).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


NAMES = (
    "a.jpg", "throttled-twice.jpg", "throttled-always.jpg", "broken-off.jpg", "z.jpg", "cut.jpg",
    "missing.jpg",
)  # fmt: skip


@pytest.fixture
def table(s3, proxy):
    """Return the address of a table of pictures of which the names say what goes wrong."""
    for level, name in enumerate(NAMES, start=10):
        content = picture(level)
        if name.startswith("cut"):
            content = content[: len(content) // 2]
        if not name.startswith("missing"):
            storage.write(f"{s3}/data/{name}", content)
    storage.write(f"{s3}/data/table.csv", "path\n{}\n".format("\n".join(NAMES)).encode())
    return f"{s3}/data/table.csv"


def judge(table, out, model, engine, part_rows):
    """Return the manifest of the verdicts, and their rows."""
    plan = predict_in_parts([table], out=out, model=model, engine=engine, part_rows=part_rows)
    return plan, pl.concat([read_frame(part) for part in plan.parts()])


def test_what_goes_wrong_in_the_store_is_a_row_and_the_sums_add_up(s3, proxy, table, model):
    plan, rows = judge(table, f"{s3}/out", model, Engine(workers=1), 3)
    assert rows["path"].to_list() == [f"{s3}/data/{name}" for name in NAMES]
    errors = dict(zip(NAMES, rows["error"], strict=True))
    assert [name for name in NAMES if errors[name] is None] == [
        "a.jpg", "throttled-twice.jpg", "z.jpg",
    ]  # fmt: skip
    assert "503" in errors["throttled-always.jpg"]
    assert errors["broken-off.jpg"].startswith("unreadable: cannot be read")
    assert errors["cut.jpg"].startswith("truncated")
    assert "does not exist" in errors["missing.jpg"]
    assert rows.filter(pl.col("error").is_not_null())["score"].null_count() == 4
    assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (7, 3, 4)
    assert proxy.asked["throttled-twice.jpg"] == 3
    assert proxy.asked["throttled-always.jpg"] > 4
    assert proxy.asked["broken-off.jpg"] >= stores.ATTEMPTS


def test_a_large_file_that_breaks_off_while_it_is_put_leaves_the_old_one(s3, proxy, tmp_path):
    storage.write(f"{s3}/big", b"old")
    (tmp_path / "new").write_bytes(bytes(12 << 20))  # put in parts of 5 MB
    proxy.refused["big#2"] = 10**6
    with pytest.raises(ArtifactError, match=f"cannot write {s3}/big: .*503"):
        storage.put(tmp_path / "new", f"{s3}/big")
    assert proxy.refused["big#2"] < 10**6
    assert storage.read(f"{s3}/big") == b"old"
    proxy.refused["big#2"] = 2
    storage.put(tmp_path / "new", f"{s3}/big")
    assert storage.read(f"{s3}/big") == bytes(12 << 20)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_on_ray_what_goes_wrong_in_the_store_gives_the_rows_made_here(s3, proxy, table, model):
    pytest.importorskip("ray")
    _, here = judge(table, f"{s3}/here", model, Engine(workers=1), 3)
    proxy.asked.clear()
    plan, rows = judge(table, f"{s3}/ray", model, Engine(EngineName.RAY, 2), 2)
    assert rows.equals(here)
    assert rows["path"].to_list() == [f"{s3}/data/{name}" for name in NAMES]
    assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (7, 3, 4)
    # Asked by Ray's workers, through the same bad days.
    assert proxy.asked["throttled-twice.jpg"] == 3
    assert proxy.asked["throttled-always.jpg"] > 4
    assert proxy.asked["broken-off.jpg"] >= stores.ATTEMPTS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_on_ray_parts_that_the_store_refuses_are_made_later_and_once(s3, proxy, table, model):
    pytest.importorskip("ray")
    quick = ["a.jpg", "missing.jpg", "z.jpg", "cut.jpg"]
    storage.write(table, "path\n{}\n".format("\n".join(quick)).encode())
    _, here = judge(table, f"{s3}/here", model, Engine(workers=1), 3)
    proxy.refused.update({"part-000001.parquet": 20, "part-000003.parquet": 1000})
    with pytest.raises(ArtifactError, match=r"1 of 4 parts .*part 3: .*503.*3 of 4 rows") as caught:
        judge(table, f"{s3}/ray", model, Engine(EngineName.RAY, 2), 1)
    assert "\n" not in str(caught.value)
    assert proxy.refused["part-000001.parquet"] == 0
    proxy.refused.clear()
    plan, rows = judge(table, f"{s3}/ray", model, Engine(EngineName.RAY, 2), 1)
    assert rows.equals(here)
    assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (4, 2, 2)
