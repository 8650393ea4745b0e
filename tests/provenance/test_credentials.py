import socket
import sys

import pytest

from fauxto.core.provenance import Claim, Forgery, ProvenanceKind, Strength
from fauxto.provenance import credentials
from fauxto.provenance.parts import Part, PartKind
from fauxto.provenance.read import read_provenance

AI = "trainedAlgorithmicMedia"


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_signed_picture_says_who_made_it_and_holds(image_format, encode, sign, only):
    media_type = f"image/{image_format.lower()}"
    found = only(sign(encode(image_format), media_type, source=AI))
    assert found.kind is ProvenanceKind.CONTENT_CREDENTIALS
    assert found.what == "Content Credentials of 'Example Studio', intact: made by AI"
    assert (found.claim, found.forgery) == (Claim.AI, Forgery.SIGNED)
    assert found.strength is Strength.MEDIUM  # anybody can sign under any name
    assert found.details["software"] == "Example Model 3"
    assert found.details["written by"] == "Example Generator 1.0"
    assert (found.details["actions"], found.details["source type"]) == ("created", AI)


def test_a_signer_of_the_trust_list_weighs_more(encode, sign, authority):
    content = sign(encode("JPEG"), source=AI)
    anchors = authority["root"].decode()
    (found,) = read_provenance(content, trust_anchors=anchors).statements
    assert (found.strength, found.forgery) == (Strength.STRONG, Forgery.TRUSTED)


def test_a_signer_of_no_trust_list_does_not_hold_against_one(encode, sign, authority):
    content = sign(encode("JPEG"), source=AI)
    other = authority["chain"].decode().split("-----END CERTIFICATE-----")[0]
    (found,) = read_provenance(
        content, trust_anchors=other + "-----END CERTIFICATE-----\n"
    ).statements
    assert found.strength is not Strength.STRONG


def test_a_picture_changed_after_signing_does_not_hold(encode, sign, only):
    content = bytearray(sign(encode("JPEG"), source=AI))
    content[-40] ^= 1
    found = only(bytes(content))
    assert "do not hold (assertion.dataHash.mismatch)" in found.what
    assert (found.strength, found.forgery) == (Strength.WEAK, Forgery.BROKEN)
    assert found.details["validation"] == "Invalid"


def test_credentials_copied_to_another_picture_do_not_hold(encode, photo, sign, only):
    signed = sign(encode("PNG"), "image/png", source="digitalCapture")
    start = signed.index(b"caBX") - 4
    length = int.from_bytes(signed[start : start + 4], "big")
    other = encode("PNG", compress_level=1)
    forged = other[:33] + signed[start : start + 12 + length] + other[33:]
    found = only(forged)
    assert (found.claim, found.strength) == (Claim.CAMERA, Strength.WEAK)
    assert found.forgery is Forgery.BROKEN


@pytest.mark.parametrize(
    ("source", "claim"),
    [
        (AI, Claim.AI),
        ("compositeWithTrainedAlgorithmicMedia", Claim.AI_EDIT),
        ("digitalCapture", Claim.CAMERA),
        ("somethingNew", Claim.OTHER),
    ],
)
def test_the_source_type_decides_the_claim(source, claim, encode, sign, only):
    assert only(sign(encode("JPEG"), source=source)).claim is claim


@pytest.mark.parametrize(
    ("relationship", "claim"), [("parentOf", Claim.AI), ("componentOf", Claim.AI_EDIT)]
)
def test_what_a_picture_was_made_from_counts(relationship, claim, encode, sign, only):
    made = sign(encode("JPEG"), source=AI)
    edited = sign(encode("JPEG", quality=60), parent=(made, relationship))
    found = only(edited)
    assert found.claim is claim
    assert found.details["manifests"] == "2"


def test_without_the_library_credentials_are_seen_and_the_extra_is_named(encode, sign, monkeypatch):
    content = sign(encode("JPEG"), source=AI)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    read = read_provenance(content)
    (found,) = read.statements
    assert (found.claim, found.forgery) == (Claim.OTHER, Forgery.UNKNOWN)
    assert any("fauxto[c2pa]" in note for note in read.notes)


def test_a_damaged_store_is_said_to_be_unreadable(encode, sign, only):
    content = bytearray(sign(encode("PNG"), "image/png"))
    start = content.index(b"caBX") + 40
    content[start : start + 200] = bytes(200)
    found = only(bytes(content))
    assert "cannot be read" in found.what or "do not hold" in found.what
    assert found.strength is Strength.WEAK


def test_the_network_is_not_asked(encode, sign, only, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert only(sign(encode("JPEG"), source=AI)).claim is Claim.AI


def test_reports_of_any_shape_are_described():
    part = Part(PartKind.C2PA, "x", 0)
    for store in (
        {},
        {"manifests": []},
        {"manifests": {"a": {"assertions": [None, {"label": "c2pa.actions", "data": []}]}},
         "active_manifest": "a"},
        {"manifests": {"a": {"ingredients": [{"relationship": "parentOf",
         "active_manifest": "a"}]}}, "active_manifest": "a"},
        {"validation_results": {"activeManifest": {"failure": ["x"]}}},
    ):  # fmt: skip
        found = credentials._describe(store, part)
        assert found.claim is Claim.OTHER
        assert found.forgery is Forgery.BROKEN
