import pytest

from fauxto.core.provenance import Claim, ProvenanceKind, Strength
from fauxto.provenance import xmp as names
from fauxto.provenance.read import read_provenance
from fauxto.provenance.xmp import read_xmp

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("form", ["attribute", "element", "resource"])
def test_source_type_in_any_form_and_container(image_format, form, packet_of, with_xmp, only):
    address = VOCABULARY + "trainedAlgorithmicMedia"
    packet = {
        "attribute": lambda: packet_of(attributes=f'a:DigitalSourceType="{address}"'),
        "element": lambda: packet_of(f"<a:DigitalSourceType> {address}\n</a:DigitalSourceType>"),
        "resource": lambda: packet_of(f'<a:DigitalSourceType rdf:resource="{address}"/>'),
    }[form]()
    found = only(with_xmp(image_format, packet))
    assert (found.kind, found.claim) == (ProvenanceKind.SOURCE_TYPE, Claim.AI)
    assert found.what == "digital source type 'trainedAlgorithmicMedia'"
    assert found.strength is Strength.MEDIUM


@pytest.mark.parametrize(
    ("term", "claim", "strength"),
    [
        ("compositeWithTrainedAlgorithmicMedia", Claim.AI_EDIT, Strength.MEDIUM),
        ("digitalCapture", Claim.CAMERA, Strength.WEAK),
        ("humanEdits", Claim.EDIT, Strength.WEAK),
        ("anything", Claim.OTHER, Strength.WEAK),
    ],
)
def test_the_term_decides(term, claim, strength, packet_of, with_xmp, only):
    packet = packet_of(attributes=f'a:DigitalSourceType="{VOCABULARY}{term}"')
    found = only(with_xmp("JPEG", packet))
    assert (found.claim, found.strength) == (claim, strength)


def test_the_same_word_as_another_property_means_nothing(packet_of, with_xmp):
    packet = packet_of(f"<d:title>{VOCABULARY}trainedAlgorithmicMedia</d:title>")
    assert read_provenance(with_xmp("JPEG", packet)).statements == ()


def test_tools_and_history_are_read(packet_of, with_xmp):
    packet = packet_of(
        '<e:History><rdf:Seq><rdf:li f:action="saved" f:softwareAgent="Adobe Photoshop 25"/>'
        '<rdf:li f:action="saved" f:softwareAgent="Adobe Photoshop 25"/></rdf:Seq></e:History>',
        'b:CreatorTool="Camera App 1"',
    )
    statements = read_provenance(with_xmp("JPEG", packet)).statements
    assert [(one.claim, one.what) for one in statements] == [
        (Claim.EDIT, "edited with 'Adobe Photoshop 25'"),
        (Claim.OTHER, "written by 'Camera App 1'"),
    ]


@pytest.mark.parametrize(
    ("credit", "claim"),
    [("Made with Google AI", Claim.AI), ("Edited with Google AI", Claim.AI_EDIT), ("dpa", None)],
)
def test_credits_of_generators(credit, claim, packet_of, with_xmp):
    found = read_provenance(with_xmp("JPEG", packet_of(attributes=f'c:Credit="{credit}"')))
    assert [one.claim for one in found.statements] == ([claim] if claim else [])


def test_a_description_in_a_list_of_languages_is_read(packet_of, with_xmp, only):
    job = "a cat --v 6 Job ID: 0a1b2c3d-1234-4abc-8def-0123456789ab"
    packet = packet_of(
        f'<d:description><rdf:Alt><rdf:li xml:lang="x-default">{job}</rdf:li></rdf:Alt>'
        "</d:description>"
    )
    assert only(with_xmp("PNG", packet)).what == "record of Midjourney"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<", b"plain text", b"<a><b></a>", "<a>ä</a>".encode("latin-1"), b"\xff\xfe<\0a\0",
        b"<!DOCTYPE a [<!ENTITY b 'cccc'>]><a>&b;</a>",
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_no_safe_packet_is_none(data):
    assert read_xmp(data) is None


def test_deep_packets_are_read_without_recursion():
    depth = 100_000
    found = read_xmp(b"<a>" * depth + b"x" + b"</a>" * depth)
    assert found.values == {"a": ("x",)}


def test_a_property_is_found_by_its_namespace_and_not_by_its_prefix(packet_of):
    good = packet_of(attributes='b:CreatorTool="Tool"')
    assert read_xmp(good).first(names.CREATOR_TOOL) == "Tool"
    assert (
        read_xmp(good.replace(b"ns.adobe.com/xap", b"example.com/xap")).first(names.CREATOR_TOOL)
        == ""
    )
