"""Hostile and broken uploads: no answer may be a fault of the server's, and none may harm it."""

import io
import os
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serve_inputs import encoded, picture, running

from fauxto.serve.settings import ServeLimits

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def chunk(kind, content):
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def png_claiming(width, height, rows=b"", *extra):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", header, *extra, chunk(b"IDAT", zlib.compress(rows, 9)),
         chunk(b"IEND", b""))
    )  # fmt: skip


def gif_of(frames):
    """A GIF of any number of frames of one pixel, a few bytes each."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b"\x3b"


def zip_of(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", content)
    return buffer.getvalue()


def tiff_of(compression):
    buffer = io.BytesIO()
    picture(1, (300, 300)).save(buffer, "TIFF", compression=compression)
    return buffer.getvalue()


def hostile():
    png, jpeg = encoded(1), encoded(2, image_format="JPEG")
    svg = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>"
    yield "svg with script", svg + b"<script>fetch('http://127.0.0.1/')</script></svg>"
    yield "svg that names a file", svg + b"<image href='file:///etc/passwd'/></svg>"
    yield "xml bomb", b"<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>"
    yield "html", b"<html><script>alert(1)</script></html>"
    yield "html after a png", png + b"<script>alert(1)</script>"
    yield "png in a zip", zip_of(png)
    yield "zip after a jpeg", jpeg + zip_of(b"x" * 10_000)
    yield "pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(x)>>>>endobj"
    yield "png and jpeg heads", b"\x89PNG\r\n\x1a\n" + jpeg
    yield "jpeg head and png", b"\xff\xd8\xff\xe0" + png
    yield "gif head and javascript", b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//"
    yield "a gif of 100,000 frames", gif_of(100_000)
    yield "a gif of 100,000 frames without its end", gif_of(100_000)[:-1]
    yield "a claim of 4,000,000,000 pixels", png_claiming(65_500, 65_500)
    yield "a claim of no pixels", png_claiming(0, 0)
    yield "a claim of one line of 2³¹ pixels", png_claiming(2**31 - 1, 1)
    yield "pixels within the limit from few bytes", png_claiming(999, 999, b"\0" * 999 * 3997)
    yield "fewer rows than claimed", png_claiming(900, 900, b"\0" * 5000)
    yield (
        "text that inflates",
        png_claiming(
            4, 4, b"\0" * 68, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 50_000_000, 9))
        ),
    )
    yield (
        "a profile that inflates",
        png_claiming(
            4, 4, b"\0" * 68, chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 50_000_000, 9))
        ),
    )
    yield "ten thousand chunks", png_claiming(4, 4, b"\0" * 68, *[chunk(b"tEXt", b"k\0v")] * 10_000)
    yield (
        "an exif that points at itself",
        b"\xff\xd8\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08"
        + (b"\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08" + jpeg[2:]),
    )
    yield "eps that runs a program", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n"
    yield "psd", b"8BPS\0\x01" + b"\0" * 6 + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3)
    yield "ico", b"\0\0\x01\0\x01\0" + b"\0" * 40
    yield "a list of addresses", b"http://127.0.0.1:1/a.png\nfile:///etc/passwd\n"
    for compression in ("tiff_lzw", "tiff_deflate", "packbits", "tiff_jpeg", "group4"):
        try:
            yield f"tiff {compression}", tiff_of(compression)
        except (OSError, ValueError):
            continue
    for name, content in (("zeros", b"\0"), ("ones", b"\xff"), ("lines", b"\r\n--")):
        yield name, content * 100_000
    for image_format in FORMATS:
        whole = encoded(3, image_format=image_format)
        for share in (0.1, 0.5, 0.9, 0.99):
            yield f"{image_format} cut at {share}", whole[: int(len(whole) * share)]


LIMITS = ServeLimits(max_pixels=1_000_000, image_timeout_s=5, decode_memory_bytes=400_000_000)


@pytest.fixture(scope="module")
def narrow(scorer):
    with running(scorer, limits=LIMITS) as client:
        yield client


def resident_mb(client):
    """Memory of the server and its decoding processes."""
    pids = [os.getpid(), *client.app.state.service.examiner.pool.worker_pids]
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) for text in statuses) / 1024


def check(response, name):
    assert response.status_code in (200, 413, 415, 422), (name, response.text)
    if response.status_code != 200:
        assert response.json()["code"] not in ("decoder_crashed", "worker_lost"), name


def test_hostile_files_are_answered_and_leave_the_server_as_it_was(narrow):
    levels = []
    for _ in range(2):  # the first round also loads what reads the formats
        for name, content in hostile():
            response = narrow.post(
                "/v1/predict?stability=true&explanation=numbers", files={"f": (name, content)}
            )
            check(response, name)
        levels.append(resident_mb(narrow))
    assert levels[1] < levels[0] + 20
    metrics = narrow.get("/metrics").text
    assert "fauxto_decoders_replaced 0.0" in metrics
    assert "fauxto_upload_bytes 0.0" in metrics
    assert narrow.post("/v1/predict", files={"f": ("a", encoded(1))}).status_code == 200


def mutated(rng, whole):
    content = bytearray(whole)
    for _ in range(rng.integers(1, 12)):
        kind, place = rng.integers(4), rng.integers(len(content))
        if kind == 0:
            content[place] = rng.integers(256)
        elif kind == 1:
            del content[place : place + rng.integers(1, 40)]
        elif kind == 2:
            content[place:place] = rng.bytes(rng.integers(1, 40))
        else:
            content[place : place + 4] = b"\xff\xff\xff\xff"
        content = content or bytearray(b"x")
    return bytes(content)


def bombard(client, count, seed):
    rng = np.random.default_rng(seed)
    seeds = [encoded(i, image_format=f, mode="RGB") for i, f in enumerate(FORMATS)]
    seeds += [encoded(20, mode=mode) for mode in ("L", "P", "RGBA", "1")]
    seeds += [tiff_of("tiff_lzw"), gif_of(20)]
    for number in range(count):
        content = mutated(rng, seeds[number % len(seeds)])
        response = client.post(
            "/v1/predict", content=content, headers={"content-type": "application/octet-stream"}
        )
        check(response, f"mutation {number} of seed {seed}")


def test_mutated_pictures_are_answered(narrow):
    bombard(narrow, 400, seed=0)


@pytest.mark.slow
def test_many_mutated_pictures_leave_memory_at_its_level(narrow):
    bombard(narrow, 1000, seed=1)
    before = resident_mb(narrow)
    bombard(narrow, 20_000, seed=2)
    assert resident_mb(narrow) < before * 1.1
    assert "fauxto_decoders_replaced 0.0" in narrow.get("/metrics").text


def test_mutated_bodies_are_answered(narrow):
    rng = np.random.default_rng(4)
    boundary = "frontier"
    part = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    whole = part + encoded(1, (8, 8)) + b"\r\n" + part + b"x\r\n" + f"--{boundary}--\r\n".encode()
    for number in range(300):
        response = narrow.post(
            "/v1/predict",
            content=mutated(rng, whole),
            headers={"content-type": f"multipart/form-data; boundary={boundary}"},
        )
        assert response.status_code in (200, 400, 413, 415, 422), (number, response.text)


@pytest.mark.slow
def test_a_picture_over_the_memory_limit_is_told_and_the_next_one_works(scorer):
    limits = ServeLimits(max_pixels=64_000_000, decode_memory_bytes=160_000_000)
    image = Image.new("RGB", (8000, 7900), (20, 30, 200))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    with running(scorer, limits=limits) as client:
        response = client.post("/v1/predict", files={"f": ("big", buffer.getvalue())})
        assert (response.status_code, response.json()["code"]) == (422, "too_much_memory")
        assert client.post("/v1/predict", files={"f": ("a", encoded(1))}).status_code == 200
