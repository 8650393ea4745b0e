import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies
from PIL import Image

from fauxto.core.errors import ImageStatus, UnreadableImage
from fauxto.imaging.decode import Limits, decode_rgb, read_bytes
from fauxto.imaging.signature import ends_early


def png_header(width, height, depth=8, colour=2):
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)

    def chunk(name, data):
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    body = zlib.compress(b"\0" * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


USUAL = Limits()


def refuse(content, limits=USUAL):
    with pytest.raises(UnreadableImage) as caught:
        decode_rgb(content, limits)
    assert str(caught.value)
    return caught.value.status


@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_deflate"}),
    ],
)
def test_lossless_formats_give_back_every_pixel(photo, encode, image_format, options):
    decoded = decode_rgb(encode(photo, image_format, **options))
    assert decoded.rgb.mode == "RGB"
    assert decoded.notes == ()
    assert np.array_equal(np.asarray(decoded.rgb), np.asarray(photo))


@pytest.mark.parametrize("image_format", ["JPEG", "AVIF", "GIF", "WEBP"])
def test_lossy_formats_give_nearly_the_same_picture(photo, encode, image_format):
    decoded = np.asarray(decode_rgb(encode(photo, image_format)).rgb).astype(int)
    assert np.abs(decoded - np.asarray(photo)).mean() < 20


def test_heic_is_opened_where_its_decoder_is_installed(photo):
    pillow_heif = pytest.importorskip("pillow_heif")
    from io import BytesIO

    buffer = BytesIO()
    pillow_heif.from_pillow(photo).save(buffer, quality=95)
    assert decode_rgb(buffer.getvalue()).rgb.size == photo.size


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_orientation_tag_is_applied_once(encode, image_format, orientation):
    # Top left quarter red, the rest black, stored so that the tag must be applied.
    upright = Image.new("RGB", (32, 16))
    upright.paste((255, 0, 0), (0, 0, 16, 8))
    undo = {
        1: lambda im: im,
        2: lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda im: im.transpose(Image.Transpose.ROTATE_180),
        4: lambda im: im.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda im: im.transpose(Image.Transpose.TRANSPOSE),
        6: lambda im: im.transpose(Image.Transpose.ROTATE_90),
        7: lambda im: im.transpose(Image.Transpose.TRANSVERSE),
        8: lambda im: im.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_rgb(encode(undo(upright), image_format, exif=exif))
    assert decoded.rgb.size == (32, 16)
    assert decoded.orientation == orientation
    assert ("turned upright" in decoded.notes) == (orientation > 1)
    assert decoded.rgb.getpixel((4, 3))[0] > 200
    assert max(decoded.rgb.getpixel((26, 12))) < 60


def test_alpha_is_laid_over_white(encode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (100, 0, 0, 128))
    decoded = decode_rgb(encode(image, "PNG"))
    assert decoded.rgb.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.rgb.getpixel((1, 0)) == pytest.approx((177, 127, 127), abs=1)
    assert decoded.notes == ("alpha laid over white",)


def test_palette_png_with_transparency_is_laid_over_white(encode):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    for transparency in (0, b"\x00\xff"):
        decoded = decode_rgb(encode(image, "PNG", transparency=transparency))
        assert decoded.rgb.getpixel((0, 0)) == (255, 255, 255)
        assert decoded.rgb.getpixel((1, 0)) == (200, 100, 50)


def test_sixteen_bit_grey_is_scaled_not_clipped(encode):
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    decoded = decode_rgb(encode(Image.fromarray(values), "PNG"))
    assert np.asarray(decoded.rgb)[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[-5.0, 100.0, 200.0]], dtype=np.float32), [0, 100, 200]),
        (np.array([[np.nan, 1e6, 2e6]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0, 65535, 32768]], dtype=np.int32), [0, 255, 128]),
    ],
)
def test_wide_tiff_values_are_scaled(encode, values, expected):
    decoded = decode_rgb(encode(Image.fromarray(values), "TIFF"))
    assert np.asarray(decoded.rgb)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_other_jpeg_modes_become_rgb(photo, encode, mode):
    decoded = decode_rgb(encode(photo.convert(mode), "JPEG", quality=95))
    difference = np.asarray(decoded.rgb).astype(int) - np.asarray(
        photo.convert(mode).convert("RGB")
    )
    assert np.abs(difference).mean() < 6


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animations_give_their_first_frame(encode, image_format):
    red, blue = Image.new("RGB", (20, 10), "red"), Image.new("RGB", (20, 10), "blue")
    content = encode(red, image_format, save_all=True, append_images=[blue, red])
    decoded = decode_rgb(content)
    assert decoded.rgb.getpixel((5, 5))[0] > 240
    assert "first frame used" in decoded.notes


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_cut_files_are_truncated(photo, encode, image_format, share):
    content = encode(photo, image_format)
    assert refuse(content[: int(len(content) * share)]) is ImageStatus.TRUNCATED


@pytest.mark.parametrize("written", ["until the end", "in 64 bits"])
def test_the_last_box_of_an_avif_may_give_its_length_in_other_ways(photo, encode, written):
    content = encode(photo, "AVIF")
    start = content.rindex(b"mdat") - 4
    name, pixels = content[start + 4 : start + 8], content[start + 8 :]
    if written == "until the end":
        other = bytes(4) + name + pixels
        assert decode_rgb(content[:start] + other).rgb.size == photo.size
    else:  # eight bytes more, so that the picture lies elsewhere: only its end is asked for
        other = (1).to_bytes(4, "big") + name + (len(pixels) + 16).to_bytes(8, "big") + pixels
        assert not ends_early(content[:start] + other, "AVIF")
        assert ends_early(content[:start] + other[:-1], "AVIF")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", ImageStatus.EMPTY),
        (b"Python is a language, not a picture", ImageStatus.NOT_AN_IMAGE),
        (b"BM as a text that begins like a bitmap", ImageStatus.NOT_AN_IMAGE),
        (b"<!DOCTYPE html><html></html>", ImageStatus.NOT_AN_IMAGE),
        (b"8BPS\x00\x01" + bytes(40), ImageStatus.UNSUPPORTED),
        (bytes(4) + b"\x11\xaf" + bytes(40), ImageStatus.UNSUPPORTED),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", ImageStatus.UNSUPPORTED),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42", ImageStatus.UNSUPPORTED),
        (b"\xff\xd8\xff\xe0 no more than a beginning", ImageStatus.UNDECODABLE),
    ],
)
def test_other_content_has_its_own_status(content, status):
    found = refuse(content)
    assert found is status or (status is ImageStatus.UNDECODABLE and found is ImageStatus.TRUNCATED)


def test_pixel_limit_is_checked_on_the_header():
    assert refuse(png_header(20_000, 20_000)) is ImageStatus.TOO_LARGE
    assert refuse(png_header(2_000_000_000, 2_000_000_000)) is ImageStatus.TOO_LARGE


def test_pixel_limit_is_ours_not_pillows(encode):
    # Over Pillow's warning level of 89 million, and over its error level of 179 million.
    for side in (9_500, 13_500):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert refuse(png_header(side, side)) in (
                ImageStatus.TRUNCATED,
                ImageStatus.UNDECODABLE,
            )
            assert refuse(png_header(side, side), Limits(max_pixels=1000)) is ImageStatus.TOO_LARGE


def test_webp_canvas_is_checked_before_its_decoder_is_made():
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\x00" + b"\xfe\x3f\x00"
    content = b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas
    assert refuse(content) is ImageStatus.TOO_LARGE


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_webp_size_is_read_from_each_kind_of_header(photo, encode, options):
    content = encode(photo, "WEBP", **options)
    assert refuse(content, Limits(max_pixels=96 * 64 - 1)) is ImageStatus.TOO_LARGE
    assert decode_rgb(content, Limits(max_pixels=96 * 64)).rgb.size == (96, 64)


def test_byte_limit(photo, encode):
    content = encode(photo, "PNG")
    assert refuse(content, Limits(max_bytes=100)) is ImageStatus.TOO_LARGE


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("factor", [4, 16])
def test_a_reduced_picture_lies_where_the_whole_one_does(encode, image_format, orientation, factor):
    stored = smooth_picture((403, 301))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(stored, image_format, exif=exif)
    whole = decode_rgb(content)
    reduced = decode_rgb(content, choose_factor=lambda size: factor)
    assert reduced.size == whole.size == whole.rgb.size
    left, top, right, bottom = reduced.frame
    assert (right - left, bottom - top) == (whole.size[0] / factor, whole.size[1] / factor)
    assert 0 <= left < 1 and 0 <= top < 1  # noqa: PT018 - one place
    small = reduced.rgb.resize((12, 12), Image.Resampling.LANCZOS, box=reduced.frame)
    expected = whole.rgb.resize((12, 12), Image.Resampling.LANCZOS)
    difference = np.asarray(small).astype(int) - np.asarray(expected)
    assert np.abs(difference).mean() < 1.5


def smooth_picture(size):
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=strategies.data())
def test_a_reduced_jpeg_fails_as_the_whole_one_does(encode, options, data):
    content = bytearray(encode(smooth_picture((120, 90)), "JPEG", **options))
    for _ in range(data.draw(strategies.integers(0, 4))):
        content[data.draw(strategies.integers(0, len(content) - 1))] = data.draw(
            strategies.integers(0, 255)
        )
    content = bytes(content[: data.draw(strategies.integers(2, len(content)))])
    outcomes = {tell_outcome(content, factor) for factor in (1, 2, 8)}
    assert len(outcomes) == 1


def tell_outcome(content, factor):
    try:
        decode_rgb(content, choose_factor=lambda size: factor)
    except UnreadableImage as error:
        return error.status, str(error)
    return "decoded"


def test_pillow_globals_stay_as_they_were(photo, encode):
    from PIL import ImageFile

    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    decode_rgb(encode(photo, "JPEG"))
    refuse(png_header(20_000, 20_000))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def read_status(path, limits=USUAL):
    with pytest.raises(UnreadableImage) as caught:
        read_bytes(path, limits)
    return caught.value.status


def test_read_bytes_refuses_what_is_no_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "big.jpg").write_bytes(bytes(100))
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert read_status(tmp_path / "empty.jpg") is ImageStatus.EMPTY
    assert read_status(tmp_path / "big.jpg", Limits(max_bytes=99)) is ImageStatus.TOO_LARGE
    for name in ("loop.jpg", "gone.jpg", "pipe.jpg", ".", "no such file", "nul\0byte"):
        assert read_status(tmp_path / name) is ImageStatus.UNREADABLE


def test_read_bytes_reports_a_file_the_system_refuses(tmp_path, monkeypatch):
    # Tests may run as root, whom no permission stops: let the system call fail instead.
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"x")

    def refuse_open(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse_open)
    with pytest.raises(UnreadableImage, match="Permission denied") as caught:
        read_bytes(path)
    assert caught.value.status is ImageStatus.UNREADABLE


def test_a_file_that_memory_has_no_room_for_is_too_large(tmp_path, monkeypatch):
    path = tmp_path / "large.jpg"
    path.write_bytes(b"x")

    def refuse_memory(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse_memory)
    with pytest.raises(UnreadableImage, match="too little memory") as caught:
        read_bytes(path)
    assert caught.value.status is ImageStatus.TOO_LARGE


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path):
    with pytest.raises(UnreadableImage, match="there is no such file"):
        read_bytes(tmp_path / "gone.jpg")
