import io
import struct
import zlib

import pytest
from PIL import Image

from fauxto.provenance import parts
from fauxto.provenance.parts import PartKind
from fauxto.provenance.walk import walk_file

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_plain_picture_has_a_format_and_says_nothing(image_format, encode):
    walked = walk_file(encode(image_format))
    assert walked.image_format == image_format
    assert [part for part in walked.parts if part.where != "TIFF tags"] == []
    assert walked.notes == ()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF"])
def test_the_size_is_that_of_the_stored_picture(image_format, encode):
    assert walk_file(encode(image_format)).size == (64, 48)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_is_found_where_the_format_puts_it(image_format, encode):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    walked = walk_file(encode(image_format, exif=exif.tobytes()))
    (part,) = [part for part in walked.parts if part.kind is PartKind.EXIF]
    assert b"Maker" in part.data
    assert part.data[:2] in (b"II", b"MM")


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_is_found_where_the_format_puts_it(image_format, with_xmp):
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    parts_ = walk_file(with_xmp(image_format, packet)).parts
    assert [part.data for part in parts_ if part.kind is PartKind.XMP] == [packet]


def test_xmp_and_comments_of_a_gif_are_found(encode):
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"y" * 700 + b"</x:xmpmeta>"
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    plain = encode("GIF")
    header = 13 + (3 << ((plain[10] & 7) + 1) if plain[10] & 0x80 else 0)
    extension = b"!\xff\x0bXMP DataXMP" + packet + trailer
    comment = b"!\xfe\x05hello\x05 worl\x01d\0"
    walked = walk_file(plain[:header] + extension + comment + plain[header:])
    assert [(part.kind, part.data) for part in walked.parts] == [
        (PartKind.XMP, packet), (PartKind.TEXT, b"hello world"),
    ]  # fmt: skip
    assert walked.notes == ()


def test_offsets_lead_to_the_part(encode, with_text):
    (part,) = walk_file(with_text("parameters", "x")).parts
    assert part.offset == 33
    (part,) = walk_file(encode("JPEG", comment=b"hello")).parts
    content = encode("JPEG", comment=b"hello")
    assert content[part.offset : part.offset + 2] == b"\xff\xfe"


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_bytes_after_the_end_are_counted_and_never_read(image_format, encode):
    late = chunk(b"tEXt", b"parameters\0Steps: 20, Sampler: Euler") + b"!\xfe\x01x\0"
    walked = walk_file(encode(image_format) + late)
    assert [part for part in walked.parts if part.kind is PartKind.TEXT] == []
    assert walked.notes == (f"{len(late)} bytes after the picture's end were not looked at",)


def test_text_behind_the_pixels_of_a_png_counts(encode):
    content = encode("PNG")
    late = content[:-12] + chunk(b"tEXt", b"parameters\0x") + content[-12:]
    assert [part.key for part in walk_file(late).parts] == ["parameters"]


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_file_that_breaks_off_is_said_to(image_format, encode):
    walked = walk_file(encode(image_format)[:-20])
    assert "the file breaks off before its picture ends" in walked.notes


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt"])
def test_a_text_that_unpacks_without_bound_is_not_unpacked(encode, name, monkeypatch):
    packed = zlib.compress(bytes(50_000_000), 9)
    body = b"parameters\0\0" if name == b"zTXt" else b"parameters\0\1\0\0\0"
    content = encode("PNG")
    bomb = content[:33] + chunk(name, body + packed) + content[33:]
    walked = walk_file(bomb)
    assert walked.parts == ()
    assert "is too long" in walked.notes[0]


def test_a_long_text_is_not_read(encode, with_text):
    walked = walk_file(with_text("parameters", "x" * (parts.MAX_FIELD_BYTES + 1)))
    assert walked.parts == ()
    assert "is too long" in walked.notes[0]


def test_endless_parts_come_to_an_end(encode):
    content = encode("PNG")
    many = content[:33] + chunk(b"abCd", b"") * (parts.MAX_PARTS + 5) + content[33:]
    assert walk_file(many).notes == ("the file breaks off before its picture ends",)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8", b"%PDF-1.7", b"RIFF1234WAVE"])
def test_what_is_no_picture_is_not_searched(content):
    walked = walk_file(content)
    assert walked.image_format is None
    assert walked.parts == ()


def test_the_second_picture_of_an_mpo_is_after_the_end(photo):
    buffer = io.BytesIO()
    photo.save(buffer, "MPO", save_all=True, append_images=[photo])
    walked = walk_file(buffer.getvalue())
    assert "bytes after the picture's end were not looked at" in walked.notes[0]
