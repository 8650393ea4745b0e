"""Everything that a file says of itself."""

from collections.abc import Iterator
from typing import Final

from fauxto.core.provenance import (
    Claim,
    Forgery,
    Provenance,
    ProvenanceKind,
    Statement,
    Strength,
)
from fauxto.provenance import exif as tags
from fauxto.provenance import xmp as names
from fauxto.provenance.camera import read_camera
from fauxto.provenance.credentials import NOT_INSTALLED, read_credentials
from fauxto.provenance.exif import decode_comment, read_exif
from fauxto.provenance.generators import name_generator, read_comfyui_exif, read_text
from fauxto.provenance.parts import Part, PartKind
from fauxto.provenance.software import state_generated, state_program
from fauxto.provenance.source_types import CLAIMS, shorten_type
from fauxto.provenance.walk import Walked, walk_file
from fauxto.provenance.words import clean
from fauxto.provenance.xmp import read_xmp

MAX_STATEMENTS: Final = 50
_WEIGHT: Final = {Strength.STRONG: 0, Strength.MEDIUM: 1, Strength.WEAK: 2}
_CLAIM_ORDER: Final = tuple(Claim)
_MADE_BY_AI: Final = (Claim.AI, Claim.AI_EDIT)


def read_provenance(content: bytes, *, trust_anchors: str | None = None) -> Provenance:
    """Return what a file says of itself, strongest statement first.

    Pixels are not decoded, and the network is not used. Any bytes give a result, in a time that
    grows with their number and in little memory beside them.

    Args:
        content: the whole file.
        trust_anchors: certificates (PEM) of authorities whose Content Credentials are trusted.
    """
    walked = walk_file(content)
    stores = [part for part in walked.parts if part.kind is PartKind.C2PA]
    signed = [
        read_credentials(content, walked.image_format or "", part, trust_anchors)
        for part in stores[:1]
    ]
    found = sorted([*signed, *read_unsigned(walked)], key=_rank)
    notes = list(walked.notes)
    if any(one.forgery is Forgery.UNKNOWN for one in signed):
        notes.append(NOT_INSTALLED)
    if len(found) > MAX_STATEMENTS:
        notes.append(f"{len(found) - MAX_STATEMENTS} further statements are left out")
    return Provenance(statements=tuple(found[:MAX_STATEMENTS]), notes=tuple(notes))


def read_unsigned(walked: Walked) -> list[Statement]:
    """Return what a file says without a signature, strongest first; nothing twice."""
    found: dict[tuple[str, str], Statement] = {}
    for part in walked.parts:
        for statement in _read_part(walked, part):
            found.setdefault((statement.kind, statement.what), statement)
    return sorted(found.values(), key=_rank)


def _rank(statement: Statement) -> tuple[int, int, int]:
    order = _CLAIM_ORDER.index(statement.claim)
    return _WEIGHT[statement.strength], order, statement.offset


def _read_part(walked: Walked, part: Part) -> Iterator[Statement]:
    if part.kind is PartKind.TEXT:
        yield from _read_text(part)
    elif part.kind is PartKind.XMP:
        yield from _read_xmp(part)
    elif part.kind is PartKind.EXIF:
        yield from _read_exif(part, walked)


def _read_text(part: Part) -> Iterator[Statement]:
    text = part.data.decode("utf-8", "replace").strip("\0")
    if part.key in ("Software", "Creator Tool"):
        yield from _given(state_program(part, text))
    elif generated := read_text(part.key, text):
        yield state_generated(part, generated)


def _read_exif(part: Part, walked: Walked) -> Iterator[Statement]:
    fields = read_exif(part.data)
    graphs = [
        graph
        for tag in (tags.DESCRIPTION, tags.MAKE, tags.MODEL)
        if (graph := read_comfyui_exif(fields.text(tag)))
    ]
    yield from (state_generated(part, graph) for graph in graphs)
    for text in (decode_comment(fields.fields.get(tags.COMMENT)), fields.text(tags.DESCRIPTION)):
        if generated := read_text("comment", text):
            yield state_generated(part, generated)
    if not graphs:
        yield from _given(read_camera(part, fields, walked.size))
    yield from _given(state_program(part, fields.text(tags.SOFTWARE)))


def _read_xmp(part: Part) -> Iterator[Statement]:
    packet = read_xmp(part.data)
    if packet is None:
        return
    if kind := packet.first(names.SOURCE_TYPE):
        yield _state_source_type(part, kind)
    if generated := read_text("comment", packet.first(names.DESCRIPTION)):
        yield state_generated(part, generated)
    programs = [packet.first(names.CREATOR_TOOL), *packet.values.get(names.HISTORY_AGENT, ())]
    if name_generator(packet.first(names.CREDIT)):
        programs.append(packet.first(names.CREDIT))
    for program in programs:
        yield from _given(state_program(part, program))


def _state_source_type(part: Part, address: str) -> Statement:
    term = shorten_type(address)
    claim = CLAIMS.get(term, Claim.OTHER)
    return Statement(
        kind=ProvenanceKind.SOURCE_TYPE,
        claim=claim,
        what=f"digital source type '{clean(term, 60)}'",
        where=part.where,
        offset=part.offset,
        strength=Strength.MEDIUM if claim in _MADE_BY_AI else Strength.WEAK,
        forgery=Forgery.EASY,
    )


def _given(statement: Statement | None) -> Iterator[Statement]:
    if statement is not None:
        yield statement
