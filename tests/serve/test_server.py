import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

import pytest
from serve_inputs import encoded, served


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def read_all(connection):
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


def head(length, kind="image/png", extra=""):
    return (
        f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n{extra}\r\n"
    ).encode()


def code_of(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])["code"]


def port_of(server):
    return int(server.rpartition(":")[2])


def test_a_client_that_still_sends_gets_its_answer_not_a_reset(server):
    """Found with the first draft: closing with unread bytes resets the connection."""
    with connect(port_of(server)) as connection:
        connection.sendall(head(40_000_000))
        for _ in range(20):
            connection.sendall(b"x" * 100_000)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert code_of(answer) == "request_too_large"


def test_a_wrong_name_is_refused_on_this_machine(server):
    request = Request(server + "/reports/", headers={"Host": "evil.example"})
    with pytest.raises(OSError, match="421"):
        urlopen(request)


def test_broken_http_is_answered_and_forgotten(server):
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        with connect(port_of(server)) as connection:
            connection.sendall(sent)
            answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert code_of(answer) == "bad_request"


def test_two_requests_at_once_over_one_connection_are_both_answered(server):
    picture = encoded(1)
    one = head(len(picture)).replace(b"Connection: close\r\n", b"") + picture
    with connect(port_of(server)) as connection:
        connection.sendall(one + head(len(picture)) + picture)
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_body_in_chunks_is_bounded_like_any_other(server):
    start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    picture = encoded(1)
    with connect(port_of(server)) as connection:
        connection.sendall(start + b"%x\r\n%s\r\n0\r\n\r\n" % (len(picture), picture))
        assert read_all(connection).startswith(b"HTTP/1.1 200")
    with connect(port_of(server)) as connection:
        connection.sendall(start)
        for _ in range(40):
            connection.sendall(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert code_of(read_all(connection)) == "file_too_large"


@pytest.fixture(scope="module")
def impatient(model_path, tmp_path_factory):
    """A server whose limits of time and number are small."""
    script = tmp_path_factory.mktemp("impatient") / "run.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from fauxto.models.scorer import open_scorer\n"
        "from fauxto.serve.app import create_app\n"
        "from fauxto.serve.server import run_server\n"
        "from fauxto.serve.settings import ServeLimits, ServeSettings\n"
        "def say(port):\n"
        "    print(f'http://127.0.0.1:{port}/', file=sys.stderr, flush=True)\n"
        "if __name__ == '__main__':\n"
        "    limits = ServeLimits(stall_timeout_s=0.5, upload_timeout_s=2, max_connections=20)\n"
        "    settings = ServeSettings(limits=limits, decode_workers=1)\n"
        "    app = create_app(open_scorer(Path(sys.argv[1])), settings)\n"
        "    run_server(app, host='127.0.0.1', port=0, limits=limits, announce=say)\n"
    )
    process = subprocess.Popen(
        [sys.executable, script, str(model_path)], stderr=subprocess.PIPE, text=True
    )
    line = process.stderr.readline()
    yield int(re.search(r":(\d+)/", line).group(1))
    process.terminate()
    process.wait(60)
    process.stderr.close()


def test_a_head_that_does_not_come_ends_the_connection(impatient):
    start = time.monotonic()
    with connect(impatient) as connection:
        connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: 127")
        time.sleep(0.3)
        connection.sendall(b".0.0.1\r\n")  # a trickle does not win time
        assert read_all(connection) == b""
    assert 0.4 < time.monotonic() - start < 8


def test_an_idle_connection_ends(impatient):
    with connect(impatient) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        start = time.monotonic()
        assert read_all(connection).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - start < 8


@pytest.mark.slow
def test_an_upload_that_stalls_or_trickles_is_told_that_it_is_too_slow(impatient):
    with connect(impatient) as connection:
        connection.sendall(head(1000) + b"x" * 10)
        assert code_of(read_all(connection)) == "upload_too_slow"
    with connect(impatient) as connection:
        connection.sendall(head(1000))
        start = time.monotonic()
        for _ in range(9):
            connection.sendall(b"x")
            time.sleep(0.25)
        assert code_of(read_all(connection)) == "upload_too_slow"
        assert time.monotonic() - start < 9


def test_connections_above_the_limit_are_told_and_closed_and_the_others_work(impatient):
    held = [connect(impatient) for _ in range(20)]
    with connect(impatient) as connection:
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer
    assert code_of(answer) == "busy"
    for connection in held:
        connection.close()
    time.sleep(0.2)
    with connect(impatient) as connection:
        picture = encoded(1)
        connection.sendall(head(len(picture)) + picture)
        assert read_all(connection).startswith(b"HTTP/1.1 200")


def test_a_stop_signal_to_the_whole_group_finishes_what_was_begun(model_path):
    with served(model_path) as (process, port):
        picture = encoded(1, (1600, 1600), compress_level=1)

        def send(_):
            with connect(port) as connection:
                connection.sendall(head(len(picture)) + picture)
                return read_all(connection)

        with ThreadPoolExecutor(12) as pool:
            answers = [pool.submit(send, i) for i in range(12)]
            while sum(counted(port)) < 12:
                time.sleep(0.02)
            assert counted(port)[0] > 0
            for pid in children(process.pid):
                os.kill(pid, signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            found = [answer.result(120) for answer in answers]
        assert [answer[:15] for answer in found] == [b"HTTP/1.1 200 OK"] * 12
        assert process.wait(60) in (0, -signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            connect(port)


def counted(port):
    """Return how many requests are in progress and how many were answered."""
    text = urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    answered = re.search(r'requests_total{route="/v1/predict",status="200"} (\S+)', text)
    progress = re.search(r"^fauxto_requests_in_progress (\S+)", text, re.MULTILINE)
    return float(progress.group(1)), float(answered.group(1)) if answered else 0.0


def children(pid):
    found = subprocess.run(
        ["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=True
    )
    return [int(line) for line in found.stdout.split()]


def test_the_log_has_a_line_a_request_and_no_file_name(model_path):
    with served(model_path, "--log") as (process, port):
        picture = encoded(1)
        for path in ("/v1/predict", "/v1/predict?name=holiday", "/holiday"):
            with connect(port) as connection:
                connection.sendall(head(len(picture)).replace(b"/v1/predict", path.encode()))
                connection.sendall(picture)
                read_all(connection)
        process.terminate()
        log = process.stderr.read()
    assert log.count("POST /v1/predict 200") == 2
    assert "POST none 404" in log
    assert "holiday" not in log


def test_a_port_in_use_is_one_line_with_what_to_do(model_path, server):
    result = subprocess.run(
        [sys.executable, "-m", "fauxto", "serve", "--model", str(model_path),
         "--port", str(port_of(server))],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "choose another --port" in result.stderr
