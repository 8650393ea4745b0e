"""Properties of an XMP packet, by name and not by prefix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XMP: Final = "{http://ns.adobe.com/xap/1.0/}"
_IPTC: Final = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_PHOTOSHOP: Final = "{http://ns.adobe.com/photoshop/1.0/}"
_EVENT: Final = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"

SOURCE_TYPE: Final = f"{_IPTC}DigitalSourceType"
CREATOR_TOOL: Final = f"{_XMP}CreatorTool"
CREDIT: Final = f"{_PHOTOSHOP}Credit"
HISTORY_AGENT: Final = f"{_EVENT}softwareAgent"
DESCRIPTION: Final = "{http://purl.org/dc/elements/1.1/}description"
_MAX_VALUES: Final = 2_000


@dataclass(frozen=True)
class Xmp:
    """Properties of a packet.

    Attributes:
        values: texts of each property, by namespace and name, in the packet's order.
    """

    values: Mapping[str, tuple[str, ...]]

    def first(self, name: str) -> str:
        """Return a property's first text, empty where there is none."""
        return next(iter(self.values.get(name, ())), "")


def read_xmp(data: bytes) -> Xmp | None:
    """Return the properties of a packet, or None where it is no well-formed XML in UTF-8.

    A property may be an attribute or an element, and hold a list; all give the same.

    Args:
        data: the packet. One that declares a document type is refused: entities could make it
            grow without bound.

    Source:
        XMP specification part 1 (ISO 16684-1), section 7.
    """
    try:
        text = data.decode("utf-8").strip("\ufeff\0 \t\r\n")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return None
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    values: dict[str, list[str]] = {}
    total = 0
    for element in root.iter():
        pairs = list(element.attrib.items())
        pairs.append((str(element.tag), _text_of(element)))
        for name, text in pairs:
            if text and not name.startswith(_RDF) and total < _MAX_VALUES:
                values.setdefault(name, []).append(text)
                total += 1
    return Xmp({name: tuple(texts) for name, texts in values.items()})


def _text_of(element: ElementTree.Element) -> str:
    """Return an element's own text, its resource, or the items of the list that it holds."""
    own = (element.text or "").strip() or element.get(f"{_RDF}resource", "")
    if own or len(element) != 1 or element[0].tag not in (f"{_RDF}Alt", f"{_RDF}Bag", f"{_RDF}Seq"):
        return own
    return "; ".join(filter(None, ((item.text or "").strip() for item in element[0])))
