"""What holds for all tests, and an S3 server of its own on the loopback for those that ask."""

import os
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from hypothesis import settings

# A busy machine must not fail a test: how long an example takes says nothing of its result.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def s3_server():
    """Return the address of a running server; a process, as users have one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                with urlopen(f"{address}/moto-api/data.json", timeout=5):
                    break
            except (URLError, ConnectionError, TimeoutError):
                assert server.poll() is None, "the S3 server did not start"
                time.sleep(0.1)
        yield address
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3(s3_server, monkeypatch, request):
    """Return the address of an empty bucket, reached by the usual environment."""
    from fauxto.core import stores

    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(name, value)
    stores.connect.cache_clear()
    bucket = f"b{abs(hash(request.node.nodeid))}"
    with urlopen(Request(f"{s3_server}/{bucket}", method="PUT"), timeout=10):
        pass
    yield f"s3://{bucket}"
    stores.connect.cache_clear()


@pytest.fixture
def put(s3):
    """Return a function that puts a folder into the bucket."""
    from fauxto.core import storage

    def put_folder(folder, prefix="data"):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                inside = path.relative_to(folder).as_posix()
                storage.write(f"{s3}/{prefix}/{inside}", path.read_bytes())
        return f"{s3}/{prefix}"

    return put_folder
