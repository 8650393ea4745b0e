import hashlib
import io
import os
from dataclasses import fields
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fauxto.core.errors import ImageStatus
from fauxto.data.table import IMAGE_SCHEMA
from fauxto.imaging.decode import Limits, decode_rgb
from fauxto.imaging.inspect import inspect_bytes, inspect_file

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MUTATED = (*FORMATS, *(("HEIF",) if find_spec("pillow_heif") else ()))
PIXEL_FACTS = ("phash", "brightness", "contrast", "sharpness", "saturation", "pixel_sha256",
               "phash_mirrored", "thumb16", "jpeg")  # fmt: skip


def test_facts_hold_every_per_file_column_of_the_table():
    listed = {"path", "label", "split", "source", "generator", "group"}
    names = {field.name for field in fields(inspect_bytes(b""))}
    assert IMAGE_SCHEMA.keys() - listed <= names


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_good_file_has_all_facts(photo, encode, tmp_path, image_format):
    content = encode(photo, image_format)
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    facts = inspect_file(path)
    assert facts == inspect_bytes(content)
    assert (facts.status, facts.error, facts.format) == (ImageStatus.OK, None, image_format)
    assert (facts.width, facts.height, facts.aspect) == (96, 64, 1.5)
    assert (facts.bytes, facts.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert facts.frames == 1
    assert (facts.jpeg_quality, facts.jpeg_subsampling) == (
        (75, "4:2:0") if image_format == "JPEG" else (None, None)
    )
    assert all(getattr(facts, name) is not None for name in PIXEL_FACTS)
    assert 0 <= facts.phash < 2**64


def test_thumbnails(encode):
    content = encode(Image.new("RGB", (800, 400), (200, 10, 20)), "PNG")
    facts = inspect_bytes(content)
    assert facts.thumb16 == bytes((200, 10, 20)) * 256
    assert decode_rgb(facts.jpeg).rgb.size == (160, 80)
    assert len(facts.jpeg) < 5_000


def test_small_pictures_are_not_enlarged_on_the_page(encode):
    assert decode_rgb(inspect_bytes(encode(Image.new("RGB", (9, 3)), "PNG")).jpeg).rgb.size == (
        9,
        3,
    )


def test_dimensions_are_of_the_upright_picture(photo, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    facts = inspect_bytes(encode(photo, "JPEG", exif=exif))
    assert (facts.width, facts.height, facts.orientation) == (64, 96, 6)


def test_pixel_digest_tells_equal_pixels_in_other_containers(photo, encode):
    png, bmp = (inspect_bytes(encode(photo, kind)) for kind in ("PNG", "BMP"))
    assert png.pixel_sha256 == bmp.pixel_sha256
    assert png.sha256 != bmp.sha256
    changed = photo.copy()
    changed.putpixel((50, 50), (0, 0, 0))
    assert inspect_bytes(encode(changed, "PNG")).pixel_sha256 != png.pixel_sha256
    turned = photo.resize((64, 96))
    assert inspect_bytes(encode(turned, "PNG")).pixel_sha256 != png.pixel_sha256


def test_pixel_digest_of_a_large_picture_sees_faint_noise(encode):
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 255, (700, 800, 3))
    noisy = pixels + rng.integers(-1, 2, pixels.shape)
    digests = {
        inspect_bytes(encode(Image.fromarray(p.astype(np.uint8)), "BMP")).pixel_sha256
        for p in (pixels, noisy)
    }
    assert len(digests) == 2


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_frames_of_animations(encode, image_format):
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "green")]
    content = encode(frames[0], image_format, save_all=True, append_images=frames[1:])
    facts = inspect_bytes(content)
    assert (facts.status, facts.frames) == (ImageStatus.OK, 3)


@pytest.mark.parametrize(
    ("mode", "image_format", "alpha"),
    [("RGBA", "PNG", True), ("LA", "PNG", True), ("CMYK", "JPEG", False), ("1", "PNG", False),
     ("I;16", "PNG", False), ("P", "PNG", False)],
)  # fmt: skip
def test_mode_and_alpha(encode, mode, image_format, alpha):
    facts = inspect_bytes(encode(Image.new(mode, (20, 10)), image_format))
    assert (facts.status, facts.mode, facts.has_alpha) == (ImageStatus.OK, mode, alpha)


def test_a_truncated_file_keeps_what_its_header_says(photo, encode):
    content = encode(photo, "JPEG")
    facts = inspect_bytes(content[:-200])
    assert facts.status is ImageStatus.TRUNCATED
    assert "truncated" in facts.error
    assert (facts.width, facts.height, facts.jpeg_quality) == (96, 64, 75)
    assert all(getattr(facts, name) is None for name in PIXEL_FACTS)


def test_verify_finds_a_wrong_checksum_in_a_png_that_would_load(photo, encode):
    content = bytearray(encode(photo, "PNG"))
    where = content.rindex(b"IEND") - 5  # the last byte of the checksum of IDAT
    content[where] ^= 0xFF
    assert inspect_bytes(bytes(content)).status is ImageStatus.UNDECODABLE


def test_bad_files_are_statuses(tmp_path, encode):
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.png").touch()
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "big.png").write_bytes(encode(Image.new("1", (200, 200)), "PNG"))
    os.mkfifo(tmp_path / "pipe.png")
    limits = Limits(max_pixels=30_000)
    found = {path.name: inspect_file(path, limits) for path in tmp_path.iterdir()}
    assert {name: facts.status for name, facts in found.items()} == {
        "text.jpg": ImageStatus.NOT_AN_IMAGE,
        "empty.png": ImageStatus.EMPTY,
        "loop.png": ImageStatus.UNREADABLE,
        "pipe.png": ImageStatus.UNREADABLE,
        "big.png": ImageStatus.TOO_LARGE,
    }
    assert all(facts.error and "\n" not in facts.error for facts in found.values())
    assert found["empty.png"].bytes == 0
    assert (found["big.png"].width, found["big.png"].format) == (None, "PNG")


def test_too_little_memory_is_a_status(photo, encode, monkeypatch):
    def no_memory(_image):
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", no_memory)
    facts = inspect_bytes(encode(photo, "JPEG"))
    assert facts.status is ImageStatus.TOO_LARGE
    assert "memory" in facts.error


def test_one_read_of_the_file(photo, encode, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(encode(photo, "PNG"))
    reads = []
    read = type(path).read_bytes
    monkeypatch.setattr(type(path), "read_bytes", lambda self: reads.append(self) or read(self))
    assert inspect_file(path).status is ImageStatus.OK
    assert reads == [path]


def encode_heif(image, image_format):
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=80)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("image_format", MUTATED)
@settings(
    max_examples=100,
    deadline=10_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(data=st.data())
def test_mutated_files_never_crash(photo, encode, image_format, data):
    if image_format == "HEIF":
        encode = encode_heif
    content = bytearray(encode(photo, image_format))
    for _ in range(data.draw(st.integers(1, 8))):
        if not content:
            break
        # Headers are where decoders branch: half of the mutations fall there.
        end = data.draw(st.sampled_from([min(len(content), 200), len(content)]))
        where = data.draw(st.integers(0, end - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "insert", "delete"]))
        if kind == "set":
            content[where] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            content[where:where] = data.draw(st.binary(max_size=8))
        elif kind == "delete":
            del content[where : where + data.draw(st.integers(1, 8))]
        elif len(content) > 20:
            del content[max(where, 10) :]
    facts = inspect_bytes(bytes(content), Limits(max_pixels=1_000_000))
    assert (facts.error is None) == (facts.status is ImageStatus.OK)
    assert (facts.phash is None) == (facts.status is not ImageStatus.OK)
