"""A bucket that throttles, breaks off, or does not have what a table names: rows, not an end."""

import io
import threading
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import polars as pl
import pytest
from PIL import Image

from fauxto.core import storage, stores
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

    def log_message(self, *_):
        """Say nothing."""

    def _hand_on(self):
        name = self.path.partition("?")[0].rpartition("/")[2]
        if self.command == "GET" and name.endswith(".jpg"):
            self.server.asked[name] += 1
            always, twice = name.startswith("throttled-always"), name.startswith("throttled-twice")
            if always or (twice and self.server.asked[name] <= 2):
                self._answer(503, {"retry-after": "0"}, b"<Error><Code>SlowDown</Code></Error>")
                return
        length = int(self.headers.get("content-length") or 0)
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
    server.upstream, server.asked = urlsplit(s3_server).netloc, Counter()
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


def test_what_goes_wrong_in_the_store_is_a_row_and_the_sums_add_up(s3, proxy, model, monkeypatch):
    names = ["a.jpg", "throttled-twice.jpg", "throttled-always.jpg", "broken-off.jpg", "z.jpg"]
    for level, name in enumerate(names, start=10):
        storage.write(f"{s3}/data/{name}", picture(level))
    whole = picture(99)
    storage.write(f"{s3}/data/cut.jpg", whole[: len(whole) // 2])
    names += ["cut.jpg", "missing.jpg"]
    storage.write(f"{s3}/data/table.csv", "path\n{}\n".format("\n".join(names)).encode())
    plan = predict_in_parts(
        [f"{s3}/data/table.csv"], out=f"{s3}/out", model=model, engine=Engine(workers=1),
        part_rows=3,
    )  # fmt: skip
    table = pl.concat([read_frame(part) for part in plan.parts()])
    assert table["path"].to_list() == [f"{s3}/data/{name}" for name in names]
    errors = dict(zip(names, table["error"], strict=True))
    assert [name for name in names if errors[name] is None] == [
        "a.jpg", "throttled-twice.jpg", "z.jpg",
    ]  # fmt: skip
    assert "503" in errors["throttled-always.jpg"]
    assert errors["broken-off.jpg"].startswith("unreadable: cannot be read")
    assert errors["cut.jpg"].startswith("truncated")
    assert "does not exist" in errors["missing.jpg"]
    assert table.filter(pl.col("error").is_not_null())["score"].null_count() == 4
    assert (plan.sums.rows, plan.sums.ok, plan.sums.errors) == (7, 3, 4)
    assert proxy.asked["throttled-twice.jpg"] == 3
    assert proxy.asked["throttled-always.jpg"] > 4
    assert proxy.asked["broken-off.jpg"] >= stores.ATTEMPTS
