"""What a file says of itself, as columns of a table: camera, software, generator, C2PA.

What a file says proves nothing: it is easily removed, and easily written.
"""

from dataclasses import dataclass

from fauxto.core.provenance import Claim
from fauxto.provenance import exif as tags
from fauxto.provenance import xmp as names
from fauxto.provenance.camera import name_camera
from fauxto.provenance.exif import Exif, read_exif
from fauxto.provenance.parts import PartKind
from fauxto.provenance.read import read_unsigned
from fauxto.provenance.walk import Walked, walk_file
from fauxto.provenance.words import clean
from fauxto.provenance.xmp import read_xmp


@dataclass(frozen=True)
class Origin:
    """What a file says of itself; None where it says nothing.

    Attributes:
        has_exif: an EXIF block is present.
        camera: maker and model.
        software: what wrote the picture.
        has_c2pa: a Content Credentials (C2PA) store is present; it is not verified.
        generator_hint: the statement that a model made the picture or a part, and where it stands.
    """

    has_exif: bool
    camera: str | None
    software: str | None
    has_c2pa: bool
    generator_hint: str | None


def read_origin(content: bytes) -> Origin:
    """Return what a file says of itself; damaged fields count as absent."""
    walked = walk_file(content)
    blocks = [read_exif(part.data) for part in walked.parts if part.kind is PartKind.EXIF]
    exif = blocks[0] if blocks else read_exif(b"")
    statements = read_unsigned(walked)
    hints = [
        f"{one.what} ({one.where})" for one in statements if one.claim in (Claim.AI, Claim.AI_EDIT)
    ]
    taken = any(one.claim is Claim.CAMERA for one in statements)
    return Origin(
        has_exif=tags.EXIF_IFD in exif.fields if walked.image_format == "TIFF" else bool(blocks),
        camera=name_camera(exif) or None if taken else None,
        software=_name_software(walked, exif),
        has_c2pa=any(part.kind is PartKind.C2PA for part in walked.parts),
        generator_hint=next(iter(hints), None),
    )


def _name_software(walked: Walked, exif: Exif) -> str | None:
    programs = [exif.text(tags.SOFTWARE)]
    for part in walked.parts:
        if part.kind is PartKind.TEXT and part.key == "Software":
            programs.append(part.data.decode("utf-8", "replace"))
        elif part.kind is PartKind.XMP and (packet := read_xmp(part.data)):
            programs.append(packet.first(names.CREATOR_TOOL))
    return next(filter(None, map(clean, programs)), None)
