import pytest
from PIL import Image, TiffImagePlugin

from fauxto.core.provenance import Claim, Forgery, ProvenanceKind, Strength
from fauxto.provenance import exif as tags
from fauxto.provenance.read import read_provenance


def shot(*, across=64, down=48, taken="2024:01:02 03:04:05", saved="2024:01:02 03:04:05",
         without=()):  # fmt: skip
    exif = Image.Exif()
    exif[tags.MAKE], exif[tags.MODEL], exif[tags.DATE] = "Canon ", "Canon EOS 5D\0", saved
    inner = {
        tags.EXPOSURE_S: TiffImagePlugin.IFDRational(1, 250),
        tags.F_NUMBER: TiffImagePlugin.IFDRational(28, 10),
        tags.ISO: 400,
        tags.FOCAL_MM: TiffImagePlugin.IFDRational(50, 1),
        tags.DATE_TAKEN: taken,
        tags.PIXELS_ACROSS: across,
        tags.PIXELS_DOWN: down,
    }
    for tag, value in inner.items():
        if tag not in without:
            exif.get_ifd(tags.EXIF_IFD)[tag] = value
    return exif


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_camera_is_named_with_its_settings(image_format, encode, only):
    found = only(encode(image_format, exif=shot()), ProvenanceKind.CAMERA)
    assert found.what == "taken with 'Canon EOS 5D'; its fields fit together"
    assert (found.claim, found.strength) == (Claim.CAMERA, Strength.WEAK)
    assert found.forgery is Forgery.EASY
    assert found.details["exposure time"] == "1/250 s"
    assert (found.details["aperture"], found.details["sensitivity"]) == ("f/2.8", "ISO 400")
    assert found.details["focal length"] == "50 mm"


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"without": (tags.ISO, tags.F_NUMBER)}, "no aperture, sensitivity"),
        ({"without": (tags.DATE_TAKEN,)}, "no date taken"),
        ({"saved": "2020:01:01 00:00:00"}, "saved before it was taken"),
        ({"across": 6000, "down": 4000}, "written for 6000 × 4000 pixels, the picture has 64 × 48"),
    ],
)
def test_what_does_not_fit_is_said(changes, doubt, encode, only):
    found = only(encode("JPEG", exif=shot(**changes)), ProvenanceKind.CAMERA)
    assert f"doubtful: {doubt}" in found.what
    assert doubt in found.details["plausibility"]


def test_a_picture_on_its_side_fits(encode, only):
    found = only(encode("JPEG", exif=shot(across=48, down=64)), ProvenanceKind.CAMERA)
    assert "fit together" in found.what


def test_maker_and_model_are_joined(encode, only):
    exif = Image.Exif()
    exif[tags.MAKE], exif[tags.MODEL] = "Apple", "iPhone 15"
    assert only(encode("JPEG", exif=exif)).details["camera"] == "Apple iPhone 15"


def test_the_place_is_not_shown(encode, only):
    exif = shot()
    exif.get_ifd(tags.GPS_IFD)[2] = (48.0, 51.0, 29.6)
    found = only(encode("JPEG", exif=exif), ProvenanceKind.CAMERA)
    assert found.details["position"] == "recorded"
    assert "48" not in found.model_dump_json().replace("64 × 48", "")


@pytest.mark.parametrize(
    ("program", "claim", "words"),
    [
        ("Adobe Photoshop 25.0 (Windows)", Claim.EDIT, "edited with"),
        ("GIMP 2.10", Claim.EDIT, "edited with"),
        ("17.1.2", Claim.OTHER, "written by"),
    ],
)
def test_programs_are_told_from_editors(program, claim, words, encode, only):
    exif = Image.Exif()
    exif[tags.SOFTWARE] = program
    found = only(encode("JPEG", exif=exif))
    assert (found.kind, found.claim) == (ProvenanceKind.SOFTWARE, claim)
    assert found.what == f"{words} '{program}'"


def test_no_field_no_statement(encode):
    exif = Image.Exif()
    exif[0x0112] = 1
    assert read_provenance(encode("JPEG", exif=exif)).statements == ()
