"""What a file says of itself, as records; never part of a score."""

from enum import StrEnum
from typing import Final

from pydantic import Field

from fauxto.core.frozen import Record

CAVEAT: Final = (
    "What a file says of itself is not evidence of its pixels: it is easily removed and, unless "
    "signed, easily written. A file that says nothing proves nothing."
)


class ProvenanceKind(StrEnum):
    """Where a statement comes from."""

    CONTENT_CREDENTIALS = "content credentials"
    """A signed C2PA manifest."""
    SOURCE_TYPE = "digital source type"
    """IPTC's digital source type in an XMP packet."""
    GENERATOR = "generator metadata"
    """Fields that image generators write."""
    CAMERA = "camera metadata"
    """EXIF fields that cameras write."""
    SOFTWARE = "software"
    """Names of programs that wrote or changed the file."""


class Claim(StrEnum):
    """What a statement amounts to, if it is true."""

    AI = "made by AI"
    AI_EDIT = "edited with AI"
    CAMERA = "taken with a camera"
    EDIT = "edited"
    OTHER = "other"
    """It says nothing about how the picture was made."""


class Strength(StrEnum):
    """How much a statement weighs."""

    STRONG = "strong"
    """Signed by somebody on the trust list, and unchanged since."""
    MEDIUM = "medium"
    """Signed by anybody, or unsigned but in the very form that a known program writes."""
    WEAK = "weak"
    """Unsigned and of a form that many programs write, or that anybody types."""


class Forgery(StrEnum):
    """How easily a statement is made up."""

    EASY = "easy: any metadata editor writes or copies it"
    TRUSTED = "hard: it takes the key of a signer on the trust list"
    SIGNED = (
        "moderate: the picture is as it was signed, but anybody can sign under any name, and the "
        "signer is on no trust list"
    )
    BROKEN = "the signature does not hold, so this counts as unsigned"
    UNKNOWN = "not known: the signature was not checked"


class Statement(Record):
    """One thing that a file says of itself."""

    kind: ProvenanceKind
    claim: Claim
    what: str
    """In a sentence, with what the file says in quotation marks."""
    where: str
    """The part of the file that says it, such as ``PNG tEXt 'parameters'``."""
    offset: int
    """Byte at which that part begins."""
    strength: Strength
    forgery: Forgery
    details: dict[str, str] = Field(default_factory=dict)
    """Single values, such as the model's name; cut to a readable length."""


class Provenance(Record):
    """Everything that a file says of itself."""

    statements: tuple[Statement, ...] = ()
    """Strongest first."""
    notes: tuple[str, ...] = ()
    """What was seen but not read, and why."""
    caveat: str = CAVEAT

    def summary(self) -> str:
        """Return the strongest statement in a few words; empty where there is none."""
        if not self.statements:
            return ""
        first, others = self.statements[0], len(self.statements) - 1
        return f"{first.what} ({first.strength})" + (f", {others} more" if others else "")
