"""Programs that wrote or changed a file, by the names that they leave."""

import re
from typing import Final

from fauxto.core.provenance import Claim, Forgery, ProvenanceKind, Statement, Strength
from fauxto.provenance.generators import Generated, name_generator
from fauxto.provenance.parts import Part
from fauxto.provenance.words import clean, clean_details

_EDITORS: Final = re.compile(
    r"photoshop|lightroom|\bgimp\b|affinity|snapseed|picsart|pixelmator|\bcanva\b|darktable"
    r"|rawtherapee|capture one|luminar|paint\.net|\bkrita\b|picasa|photoscape|facetune|\bvsco\b"
    r"|topaz|photopea|acdsee|acd systems|imageready|paintshop|dxo|meitu|photodirector|polarr",
    re.IGNORECASE,
)
"""Names of programs in which people change pictures."""


def state_program(part: Part, program: str) -> Statement | None:
    """Return what the name of a program says, or None where it is empty.

    Args:
        part: where the name stands.
        program: the name, as the file has it.
    """
    name = clean(program, 100)
    if not name:
        return None
    generator = name_generator(program)
    if generator is not None:
        edited = name.startswith("Edited")
        return Statement(
            kind=ProvenanceKind.GENERATOR,
            claim=Claim.AI_EDIT if edited else Claim.AI,
            what=f"names {generator}: '{name}'",
            where=part.where,
            offset=part.offset,
            strength=Strength.WEAK,
            forgery=Forgery.EASY,
        )
    editor = _EDITORS.search(name) is not None
    return Statement(
        kind=ProvenanceKind.SOFTWARE,
        claim=Claim.EDIT if editor else Claim.OTHER,
        what=f"{'edited with' if editor else 'written by'} '{name}'",
        where=part.where,
        offset=part.offset,
        strength=Strength.WEAK,
        forgery=Forgery.EASY,
    )


def state_generated(part: Part, found: Generated) -> Statement:
    """Return what a generator's record says."""
    details = clean_details(found.details)
    model = details.get("model") or details.get("Model")
    what = f"record of {found.generator}" + (f", model '{model}'" if model else "")
    return Statement(
        kind=ProvenanceKind.GENERATOR,
        claim=Claim.AI,
        what=what,
        where=part.where,
        offset=part.offset,
        strength=Strength.MEDIUM,
        forgery=Forgery.EASY,
        details=details,
    )
