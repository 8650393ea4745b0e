import asyncio

import pytest
from starlette.requests import ClientDisconnect, Request

from fauxto.serve.problems import ProblemError
from fauxto.serve.settings import ServeLimits
from fauxto.serve.upload import HeldBytes, receive_files

LIMITS = ServeLimits(
    max_file_bytes=1000,
    max_files=3,
    max_request_bytes=4000,
    upload_timeout_s=0.5,
    stall_timeout_s=0.1,
)
BOUNDARY = "xxBOUNDARYxx"


def multipart(*files, end=True):
    body = b""
    for name, content in files:
        body += (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode() + content + b"\r\n"  # fmt: skip
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def receive(body, content_type=f"multipart/form-data; boundary={BOUNDARY}", *, length=None,
            step=7, pauses=(), limits=LIMITS, held=None, leave=False):  # fmt: skip
    """Send a body in steps; ``pauses`` are seconds before each of the first steps."""
    held = held or HeldBytes(100_000)
    headers = [(b"content-type", content_type.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    parts = [body[i : i + step] for i in range(0, len(body), step)] or [b""]
    waits = iter(pauses)

    async def next_part():
        await asyncio.sleep(next(waits, 0))
        if not parts:
            if leave:
                return {"type": "http.disconnect"}
            await asyncio.sleep(10)
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts) or leave}

    async def run():
        with held.lease() as lease:
            request = Request({"type": "http", "headers": headers, "method": "POST"}, next_part)
            return await receive_files(request, limits, lease)

    return asyncio.run(run())


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_files_arrive_whole_and_in_order_however_they_are_cut(step):
    contents = [b"a" * 999, b"\r\n--xxBOUNDARY\r\n--", bytes(range(256))]
    found = receive(multipart(*(("n", c) for c in contents)), step=step)
    assert [file.content for file in found] == contents


def test_a_raw_body_is_one_picture():
    for kind in ("image/png", "application/octet-stream", "IMAGE/JPEG; x=y"):
        (file,) = receive(b"\x89PNG", kind)
        assert (file.name, file.content) == ("-", b"\x89PNG")


def test_names_are_kept_for_the_client_but_never_shown():
    (file,) = receive(multipart(("../../etc/pass<b>wd ü.png".encode().decode(), b"x")))
    assert file.name == "../../etc/pass<b>wd ü.png"
    assert "passwd" not in repr(file)
    (long,) = receive(multipart(("n" * 700, b"x")))
    assert len(long.name) == 200


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("file_too_large", {"body": multipart(("a", b"x" * 1001))}),
        ("file_too_large", {"body": b"x" * 1001, "content_type": "image/png"}),
        ("too_many_files", {"body": multipart(*[("a", b"x")] * 4)}),
        ("request_too_large", {"body": multipart(*[("a", b"x" * 990)] * 3) + b" " * 1500}),
        ("request_too_large", {"body": b"", "length": 4001}),
        ("bad_multipart", {"body": multipart(("a", b"x"), end=False)}),
        ("bad_multipart", {"body": b"nonsense"}),
        ("bad_multipart", {"body": b"x", "content_type": "multipart/form-data"}),
        ("bad_multipart", {"body": multipart(("a", b"x")),
                           "content_type": "multipart/form-data; boundary=" + "b" * 400}),
        ("bad_multipart", {"body": multipart(("a", b"x")).replace(b"; filename=\"a\"", b"")}),
        ("no_picture", {"body": f"--{BOUNDARY}--\r\n".encode()}),
        ("no_picture", {"body": b"", "content_type": "image/png"}),
        ("unsupported_body", {"body": b"{}", "content_type": "application/json"}),
        ("unsupported_body", {"body": b"{}", "content_type": ""}),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_has_its_code(code, arguments):
    with pytest.raises(ProblemError) as refused:
        receive(**arguments)
    assert refused.value.code == code


def test_a_pause_and_a_trickle_both_time_out():
    with pytest.raises(ProblemError, match="upload_too_slow"):
        receive(multipart(("a", b"x" * 500)), pauses=[0, 0, 1])
    with pytest.raises(ProblemError, match="upload_too_slow"):
        receive(multipart(("a", b"x" * 500)), pauses=[0.05] * 100)


def test_a_client_that_leaves_is_told_apart():
    with pytest.raises(ClientDisconnect):
        receive(multipart(("a", b"x" * 500), end=False), leave=True)


def test_all_uploads_together_are_bounded_and_given_back():
    held = HeldBytes(1500)
    receive(b"x" * 900, "image/png", held=held)
    assert held.held == 0
    with held.lease() as other:
        other.take(700)
        with pytest.raises(ProblemError) as refused:
            receive(b"x" * 900, "image/png", held=held)
        assert (refused.value.code, refused.value.retry_after_s) == ("busy", 1)
        assert held.held == 700
    assert held.held == 0
