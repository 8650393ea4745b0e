"""Camera fields of EXIF, and whether they fit together and fit the picture."""

import re
from typing import Final

from fauxto.core.provenance import Claim, Forgery, ProvenanceKind, Statement, Strength
from fauxto.provenance import exif as tags
from fauxto.provenance.exif import Exif
from fauxto.provenance.parts import Part, Size
from fauxto.provenance.words import clean, clean_details

_SHOT: Final = {
    tags.EXPOSURE_S: "exposure time", tags.F_NUMBER: "aperture", tags.ISO: "sensitivity",
    tags.FOCAL_MM: "focal length",
}  # fmt: skip
_DATE: Final = re.compile(r"^\d{4}:\d\d:\d\d \d\d:\d\d:\d\d$")


def name_camera(fields: Exif) -> str:
    """Return maker and model in one line, empty where neither is given."""
    make, model = clean(fields.text(tags.MAKE)), clean(fields.text(tags.MODEL))
    if make and model and model.lower().startswith(make.split()[0].lower()):
        return model
    return " ".join(filter(None, (make, model)))


def read_camera(part: Part, fields: Exif, size: Size) -> Statement | None:
    """Return what EXIF says of a camera, with a note on whether it is plausible.

    Args:
        part: the part that holds the fields.
        fields: its fields.
        size: width and height of the stored picture in pixels, as far as known.

    Returns:
        None where no maker and no model is named.
    """
    camera = name_camera(fields)
    if not camera:
        return None
    doubts = list_doubts(fields, size)
    note = f"doubtful: {'; '.join(doubts)}" if doubts else "its fields fit together"
    exposure = fields.number(tags.EXPOSURE_S)
    return Statement(
        kind=ProvenanceKind.CAMERA,
        claim=Claim.CAMERA,
        what=f"taken with '{camera}'; {note}",
        where=part.where,
        offset=part.offset,
        strength=Strength.WEAK,
        forgery=Forgery.EASY,
        details=clean_details(
            {
                "camera": camera,
                "lens": fields.text(tags.LENS_MODEL),
                "taken": fields.text(tags.DATE_TAKEN),
                "exposure time": _show_exposure(exposure),
                "aperture": _show(fields.number(tags.F_NUMBER), "f/{:g}"),
                "sensitivity": _show(fields.number(tags.ISO), "ISO {:g}"),
                "focal length": _show(fields.number(tags.FOCAL_MM), "{:g} mm"),
                "position": "recorded" if fields.has_position else None,
                "maker's notes": "present" if tags.MAKER_NOTE in fields.fields else None,
                "plausibility": note,
            }
        ),
    )


def list_doubts(fields: Exif, size: Size) -> list[str]:
    """Return what speaks against fields that a camera wrote and nothing changed since."""
    doubts = []
    missing = [name for tag, name in _SHOT.items() if fields.number(tag) is None]
    if missing:
        doubts.append(f"no {', '.join(missing)}")
    elif any((fields.number(tag) or 0) <= 0 for tag in _SHOT):
        doubts.append("exposure fields that no camera writes")
    taken, saved = fields.text(tags.DATE_TAKEN), fields.text(tags.DATE)
    if not _DATE.match(taken):
        doubts.append("no date taken")
    elif _DATE.match(saved) and saved < taken:
        doubts.append("saved before it was taken")
    stated = fields.number(tags.PIXELS_ACROSS), fields.number(tags.PIXELS_DOWN)
    if None not in stated and None not in size and set(stated) != set(size):
        across, down = (round(side or 0) for side in stated)
        doubts.append(
            f"written for {across} × {down} pixels, the picture has {size[0]} × {size[1]}"
        )
    return doubts


def _show(value: float | None, pattern: str) -> str | None:
    return None if value is None else pattern.format(value)


def _show_exposure(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return f"1/{round(1 / seconds)} s" if 0 < seconds < 0.3 else f"{seconds:g} s"
