"""What the formats allow and few programs write: each test builds the bytes from the standard."""

import pytest

from fauxto.provenance import parts
from fauxto.provenance.parts import C2PA_BOX, MAX_FIELD_BYTES, PartKind
from fauxto.provenance.walk import walk_file

XMP_TYPE = b"application/rdf+xml"
CUT = "the file breaks off before its picture ends"


def found(content):
    """Return kind and content of what was found, and what was noted."""
    walked = walk_file(content)
    return [(part.kind, part.data) for part in walked.parts], walked.notes


# JPEG: FF, a marker, and mostly a length (itself included) and as many bytes.


def segment(marker, data):
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data


def jpeg(*segments):
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


COMMENT = segment(0xFE, b"hello")
HELLO = [(PartKind.TEXT, b"hello")]


def test_a_jpeg_without_a_scan_ends_at_its_end_marker():
    assert found(jpeg(COMMENT)) == (HELLO, ())
    late = "9 bytes after the picture's end were not looked at"
    assert found(jpeg(COMMENT) + COMMENT) == (HELLO, (late,))


@pytest.mark.parametrize("bytes_left", [0, 1, 2, 3])
def test_a_jpeg_that_ends_inside_a_marker_or_length_breaks_off(bytes_left):
    assert found(jpeg(COMMENT)[:-2] + COMMENT[:bytes_left]) == (HELLO, (CUT,))


@pytest.mark.parametrize("between", [b"\xff\x01", b"\xff\xd0\xff\xd7", b"\xff\xff\xff"])
def test_jpeg_markers_without_a_length_and_fill_bytes_are_passed(between):
    assert found(jpeg(between, COMMENT)) == (HELLO, ())


def test_extended_xmp_is_said_to_be_unread():
    more = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40))
    assert found(jpeg(more, COMMENT)) == (HELLO, ("extended XMP in the JPEG was not read",))


def test_content_credentials_over_several_segments_are_one_part():
    def piece(number):
        return segment(0xEB, b"JP\0\1" + bytes([0, 0, 0, number, 0, 0, 0, 32]) + superbox)

    superbox = b"jumb\0\0\0\x18jumdc2pa"
    assert found(jpeg(piece(1), piece(2), COMMENT)) == ([(PartKind.C2PA, b""), *HELLO], ())


def test_endless_segments_come_to_an_end():
    many = jpeg(*[segment(0xE0, b"")] * (parts.MAX_PARTS + 1))
    assert found(many) == ([], (CUT,))


# GIF: "!" and a label begin an extension, a chain of blocks with a length each, ended by 0.


def gif(*extensions):
    return b"GIF89a" + bytes(7) + b"".join(extensions) + b";"


def blocks(data):
    pieces = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def test_content_credentials_of_a_gif_are_found():
    store = b"!\xff\x0bC2PA_GIF\1\0\0" + blocks(b"store")
    other = b"!\xff\x0bNETSCAPE2.0" + blocks(b"\1\0\0")
    assert found(gif(other, store)) == ([(PartKind.C2PA, b"")], ())


def test_a_gif_comment_that_breaks_off_is_not_shown():
    whole = gif(b"!\xfe" + blocks(b"hello"))
    assert found(whole) == (HELLO, ())
    assert found(whole[:-4]) == ([], (CUT,))


def test_a_long_gif_comment_is_not_read():
    comment = b"!\xfe" + blocks(b"x" * (2 * MAX_FIELD_BYTES + 1))
    assert found(gif(comment)) == ([], ("a GIF extension is too long and was not read",))


# WebP: a RIFF list of chunks, each with a name, a length and a byte more if that is odd.


def webp(*chunks):
    body = b"WEBP" + b"".join(
        name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)
        for name, data in chunks
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def test_webp_chunks_are_found_behind_one_of_odd_length():
    content = webp((b"ICCP", b"odd"), (b"XMP ", b"<x/>"), (b"C2PA", b"store"))
    assert found(content) == ([(PartKind.XMP, b"<x/>"), (PartKind.C2PA, b"")], ())


def test_size_of_an_extended_webp_is_that_of_its_canvas():
    canvas = bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")
    assert walk_file(webp((b"VP8X", canvas))).size == (640, 480)


def test_a_long_webp_chunk_is_not_read():
    content = webp((b"EXIF", bytes(MAX_FIELD_BYTES + 1)), (b"XMP ", b"<x/>"))
    kinds, notes = found(content)
    assert kinds == [(PartKind.XMP, b"<x/>")]
    assert notes == ("WebP EXIF is too long and was not read",)


# AVIF and HEIC: boxes with a length and a name; "meta" says what items there are and where.


def box(name, content, *, wide=False):
    if wide:  # a length of 1: the true one has 64 bits and follows the name
        return b"\0\0\0\1" + name + (len(content) + 16).to_bytes(8, "big") + content
    return (len(content) + 8).to_bytes(4, "big") + name + content


def info(number, kind):
    """An item's kind (version 2); the media type of XMP follows its empty name."""
    name, media_type = (b"Exif", b"") if kind == b"Exif" else (b"mime", kind + b"\0")
    return box(
        b"infe", b"\2\0\0\0" + number.to_bytes(2, "big") + bytes(2) + name + b"\0" + media_type
    )


def place(number, offset, length, pieces=1):
    """Where an item lies, by offsets and lengths of four bytes."""
    extents = (offset.to_bytes(4, "big") + length.to_bytes(4, "big")) * pieces
    return number.to_bytes(2, "big") + bytes(2) + pieces.to_bytes(2, "big") + extents


def avif(items, *, pieces=1, told=None, wide=False):
    """Return a file without pixels; ``items`` are (kind, content)."""
    first = box(b"ftyp", b"avif" + bytes(4))
    content = b"".join(data for _, data in items)

    def meta(start):
        places, at = [], start
        for number, (_, data) in enumerate(items, 1):
            places.append(place(number, at, len(data), pieces))
            at += len(data)
        infos = b"".join(info(number, kind) for number, (kind, _) in enumerate(items, 1))
        count = (len(items) if told is None else told).to_bytes(2, "big")
        iinf = box(b"iinf", bytes(4) + len(items).to_bytes(2, "big") + infos)
        iloc = box(b"iloc", bytes(4) + b"\x44\0" + count + b"".join(places))
        return box(b"meta", bytes(4) + iinf + iloc, wide=wide)

    start = len(first) + len(meta(0)) + 8
    return first + meta(start) + box(b"mdat", content)


EXIF = (b"Exif", b"\0\0\0\x06Exif\0\0II*\0")
XMP = (XMP_TYPE, b"<x/>")
BOTH = [(PartKind.EXIF, b"II*\0"), (PartKind.XMP, b"<x/>")]


@pytest.mark.parametrize("wide", [False, True])
def test_items_of_an_avif_are_read_where_they_lie(wide):
    assert found(avif([EXIF, XMP], wide=wide)) == (BOTH, ())


def test_an_item_that_only_claims_to_be_xml_is_none():
    assert found(avif([(b"text/plain", b"<x/>"), XMP])) == (BOTH[1:], ())


def test_items_in_several_pieces_are_left_out():
    assert found(avif([EXIF, XMP], pieces=2)) == ([], ())


def test_a_table_that_promises_more_items_than_it_has_is_read_to_its_end():
    assert found(avif([EXIF, XMP], told=60_000)) == (BOTH, ())


def test_a_long_item_is_not_read():
    parts_, notes = found(avif([(XMP_TYPE, b" " * (MAX_FIELD_BYTES + 1)), EXIF]))
    assert parts_ == BOTH[:1]
    assert notes == ("the XMP item is too long and was not read",)


def test_an_item_behind_the_files_end_is_left_out():
    assert found(avif([EXIF, XMP])[:-1]) == (BOTH[:1], (CUT,))


def test_content_credentials_of_an_avif_are_found():
    content = avif([EXIF]) + box(b"uuid", C2PA_BOX + b"store") + box(b"uuid", bytes(16))
    assert found(content) == ([BOTH[0], (PartKind.C2PA, b"")], ())


def test_the_last_box_may_leave_its_length_out():
    content = avif([EXIF])
    mdat = content.rindex(b"mdat")
    assert found(content[: mdat - 4] + bytes(4) + content[mdat:]) == (BOTH[:1], ())


def test_endless_boxes_come_to_an_end():
    many = box(b"ftyp", b"avif" + bytes(4)) + box(b"free", b"") * parts.MAX_PARTS
    assert found(many) == ([], (CUT,))
