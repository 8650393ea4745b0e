"""IPTC's vocabulary of digital source types, as XMP packets and Content Credentials use it."""

from collections.abc import Mapping
from typing import Final

from fauxto.core.provenance import Claim

CLAIMS: Final[Mapping[str, Claim]] = {
    "trainedAlgorithmicMedia": Claim.AI,
    "compositeWithTrainedAlgorithmicMedia": Claim.AI_EDIT,
    "compositeSynthetic": Claim.AI_EDIT,
    "digitalCapture": Claim.CAMERA,
    "computationalCapture": Claim.CAMERA,
    "negativeFilm": Claim.CAMERA,
    "positiveFilm": Claim.CAMERA,
    "print": Claim.CAMERA,
    "humanEdits": Claim.EDIT,
    "minorHumanEdits": Claim.EDIT,
    "algorithmicallyEnhanced": Claim.EDIT,
    "composite": Claim.EDIT,
    "compositeCapture": Claim.EDIT,
}
"""What a term amounts to; of a composite, what it amounts to at most.

Source:
    cv.iptc.org/newscodes/digitalsourcetype
"""


def shorten_type(text: str) -> str:
    """Return the term at the end of its address.

    >>> shorten_type("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture")
    'digitalCapture'
    """
    return text.strip().rstrip("/").rpartition("/")[2].rpartition(":")[2]
