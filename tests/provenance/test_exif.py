import struct

import pytest
from PIL import Image, TiffImagePlugin

from fauxto.provenance import exif as tags
from fauxto.provenance.exif import decode_comment, read_exif


def write(order=None):
    exif = Image.Exif()
    exif[tags.MAKE], exif[tags.SOFTWARE], exif[tags.DATE] = "Maker", "Tool 1", "2024:01:02 03:04:05"
    inner = exif.get_ifd(tags.EXIF_IFD)
    inner[tags.EXPOSURE_S] = TiffImagePlugin.IFDRational(1, 250)
    inner[tags.F_NUMBER] = TiffImagePlugin.IFDRational(28, 10)
    inner[tags.ISO], inner[tags.PIXELS_ACROSS] = 400, 6000
    inner[tags.LENS_MODEL] = "50 mm"
    inner[tags.COMMENT] = b"ASCII\0\0\0hello"
    exif.get_ifd(tags.GPS_IFD)[1] = "N"
    if order:
        exif.endian = order
    return exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", ["<", ">"])
def test_fields_are_those_that_pillow_wrote(order):
    fields = read_exif(write(order))
    assert fields.text(tags.MAKE) == "Maker"
    assert fields.text(tags.LENS_MODEL) == "50 mm"
    assert fields.text(tags.DATE) == "2024:01:02 03:04:05"
    assert fields.number(tags.EXPOSURE_S) == pytest.approx(1 / 250)
    assert fields.number(tags.F_NUMBER) == pytest.approx(2.8)
    assert (fields.number(tags.ISO), fields.number(tags.PIXELS_ACROSS)) == (400, 6000)
    assert decode_comment(fields.fields[tags.COMMENT]) == "hello"
    assert fields.has_position


def test_what_is_not_there_is_empty():
    fields = read_exif(b"")
    assert (fields.text(tags.MAKE), fields.number(tags.ISO), fields.has_position) == (
        "", None, False,
    )  # fmt: skip
    assert decode_comment(None) == ""


def test_every_cut_leaves_the_fields_before_it():
    data = write()
    whole = read_exif(data)
    for end in range(len(data)):
        for tag, value in read_exif(data[:end]).fields.items():
            assert value == whole.fields[tag]


def entry(tag, kind, count, value):
    return struct.pack("<HHII", tag, kind, count, value)


def structure(*entries, after=b""):
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(entries) + bytes(4) + after


@pytest.mark.parametrize(
    "bad",
    [
        entry(tags.MAKE, 2, 2**31, 8),  # longer than any file
        entry(tags.MAKE, 2, 100, 2**31),  # beyond the end
        entry(tags.MAKE, 99, 1, 0),  # of no known type
        entry(tags.EXPOSURE_S, 5, 1, 0),  # a fraction by zero, inside the header
        entry(tags.MAKE, 2, 0, 0),
    ],
)
def test_a_damaged_field_is_left_out_and_the_next_is_read(bad):
    fields = read_exif(structure(bad, entry(tags.ISO, 3, 1, 400)))
    assert tags.MAKE not in fields.fields
    assert fields.number(tags.ISO) == 400


def test_a_directory_that_points_at_itself_ends():
    fields = read_exif(structure(entry(tags.EXIF_IFD, 4, 1, 8), entry(tags.ISO, 3, 1, 100)))
    assert fields.number(tags.ISO) == 100


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_comments_in_unicode(codec):
    assert decode_comment(b"UNICODE\0" + "a cat, 猫".encode(codec)) == "a cat, 猫"
