import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fauxto.core.provenance import CAVEAT, Provenance, Strength
from fauxto.provenance.parts import Part, PartKind
from fauxto.provenance.read import MAX_STATEMENTS, read_provenance
from fauxto.provenance.software import state_program

MAGIC = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08",
    b"RIFF\xff\xff\0\0WEBP", b"\0\0\0\x18ftypavif", b"\0\0\0\x18ftypheic",
)  # fmt: skip
PARAMETERS = "a cat\nSteps: 20, Sampler: Euler"


def test_absence_is_said_to_prove_nothing(encode):
    found = read_provenance(encode("JPEG"))
    assert found.statements == ()
    assert found.caveat == CAVEAT
    assert "proves nothing" in found.model_dump()["caveat"]
    assert found.summary() == ""


def test_the_strongest_statement_comes_first(encode, with_text):
    content = with_text("Software", "GIMP 2.10")
    inner = with_text("parameters", PARAMETERS)[33:]
    both = content[: -len(encode("PNG")[33:])] + inner
    found = read_provenance(both)
    assert [one.strength for one in found.statements] == [Strength.MEDIUM, Strength.WEAK]
    assert found.summary() == "record of Stable Diffusion WebUI (medium), 1 more"


def test_bytes_after_the_end_never_count(encode, with_text):
    late = with_text("parameters", PARAMETERS)
    for image_format in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        found = read_provenance(encode(image_format) + late)
        assert found.statements == ()
        assert "were not looked at" in found.notes[0]


def test_the_record_survives_json(with_text):
    found = read_provenance(with_text("parameters", PARAMETERS))
    assert Provenance.model_validate_json(found.model_dump_json()) == found


def test_shown_texts_are_printable_and_short(with_text):
    found = read_provenance(with_text("parameters", "\x1b[31m" + "x" * 3000 + "\n" + PARAMETERS))
    (statement,) = found.statements
    assert all(value.isprintable() and len(value) <= 200 for value in statement.details.values())


def test_many_statements_are_cut_and_said_to_be(encode, with_text):
    plain = encode("PNG")
    texts = [
        with_text("Software", f"Tool {number}")[33 : -len(plain[33:])]
        for number in range(MAX_STATEMENTS + 7)
    ]
    found = read_provenance(plain[:33] + b"".join(texts) + plain[33:])
    assert len(found.statements) == MAX_STATEMENTS
    assert "7 further statements are left out" in found.notes


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(MAGIC), st.binary(max_size=400))
def test_any_bytes_give_a_result(magic, rest):
    assert isinstance(read_provenance(magic + rest), Provenance)


@pytest.fixture(scope="module")
def rich(encode):
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "Maker", "GIMP"
    exif.get_ifd(0x8769)[0x829D] = 2.8
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + PARAMETERS.encode()
    formats = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
    return [encode(one, exif=exif.tobytes()) for one in formats]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_pictures_give_a_result(rich, data):
    content = bytearray(data.draw(st.sampled_from(rich)))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    assert isinstance(read_provenance(bytes(content[:end])), Provenance)


@pytest.mark.parametrize("magic", MAGIC)
@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"\0\0\0\x0cabcd\0\0\0\0", b"!\xff\x01x\0"])
def test_large_nonsense_is_read_quickly(magic, filler):
    content = magic + filler * (3_000_000 // len(filler))
    start = time.perf_counter()
    read_provenance(content)
    assert time.perf_counter() - start < 1


def test_a_program_without_a_name_is_no_statement():
    assert state_program(Part(PartKind.TEXT, "x", 0), " \0\n") is None
