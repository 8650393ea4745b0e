"""What a file says of itself, read from its structure: camera, software, generator, C2PA.

Fields are read where their format puts them; bytes are never searched for a word. What a file
says proves nothing: it is easily removed, and easily written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from fauxto.imaging.decode import DECODER_ERRORS

_DESCRIPTION: Final = 270
_MAKE: Final = 271
_MODEL: Final = 272
_SOFTWARE: Final = 305
_EXIF_IFD: Final = 34665
_USER_COMMENT: Final = 37510
_TIFF_C2PA: Final = 0xCD41
_C2PA_BOX: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MAX_TEXT: Final = 200

_PNG_KEYS: Final = {
    "parameters": "Stable Diffusion parameters (PNG text)",
    "prompt": "ComfyUI prompt (PNG text)",
    "workflow": "ComfyUI workflow (PNG text)",
    "invokeai_metadata": "InvokeAI metadata (PNG text)",
    "sd-metadata": "InvokeAI metadata (PNG text)",
    "Dream": "InvokeAI metadata (PNG text)",
}
_GENERATORS: Final = (
    "novelai", "midjourney", "dall-e", "dall·e", "stable diffusion", "comfyui", "invokeai",
    "firefly", "automatic1111", "fooocus", "imagen", "ideogram", "leonardo.ai",
)  # fmt: skip
"""Names that only a generator writes as the software of a picture."""
_MADE_BY_MODEL: Final = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"}
"""Terms of IPTC's digital source type that say a model made the picture or a part of it."""
_SOURCE_TYPE: Final = re.compile(
    rb"""DigitalSourceType\s*(?:=\s*["']|>\s*|\s[^<>]*?["'])[^"'<>]*?(\w+)["'<]"""
)
_CREATOR_TOOL: Final = re.compile(rb"""xmp:CreatorTool\s*(?:=\s*["']|>\s*)([^"'<>]{1,200})["'<]""")


@dataclass(frozen=True)
class Origin:
    """What a file says of itself; None where it says nothing.

    Attributes:
        has_exif: an EXIF block is present.
        camera: maker and model.
        software: what wrote the picture.
        has_c2pa: a Content Credentials (C2PA) store is present; it is not verified.
        generator_hint: the field that names a generator, in words.
    """

    has_exif: bool
    camera: str | None
    software: str | None
    has_c2pa: bool
    generator_hint: str | None


def read_origin(image: ImageFile.ImageFile, content: bytes) -> Origin:
    """Return what a loaded picture's file says of itself; damaged fields count as absent."""
    exif = _read_exif(image)
    texts = image.text if isinstance(image, PngImagePlugin.PngImageFile) else {}
    xmp = _read_xmp(image, texts)
    software = _clean(exif.get(_SOFTWARE)) or _clean(texts.get("Software"))
    if software is None and (match := _CREATOR_TOOL.search(xmp)):
        software = _clean(match.group(1).decode("utf-8", "replace"))
    return Origin(
        has_exif=_has_exif(image),
        camera=None if _holds_graph(exif) else _join_camera(exif),
        software=software,
        has_c2pa=has_c2pa(image, content),
        generator_hint=_find_generator(texts, software, xmp, exif),
    )


def _read_exif(image: Image.Image) -> dict[int, object]:
    """Return main and Exif tags by number."""
    try:
        exif = image.getexif()
        return {**exif, **exif.get_ifd(_EXIF_IFD)}
    except DECODER_ERRORS:
        return {}


def _has_exif(image: Image.Image) -> bool:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _EXIF_IFD in image.tag_v2
    return bool(image.info.get("exif"))


def _read_xmp(image: Image.Image, texts: Mapping[str, str]) -> bytes:
    xmp = image.info.get("xmp") or texts.get("XML:com.adobe.xmp") or b""
    return xmp.encode() if isinstance(xmp, str) else bytes(xmp)


def _clean(value: object) -> str | None:
    """Return a text field as one printable line of at most 200 characters; None if empty."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    printable = "".join(char if char.isprintable() else " " for char in value)
    return " ".join(printable.split())[:_MAX_TEXT] or None


def _holds_graph(exif: Mapping[int, object]) -> bool:
    """Return whether ComfyUI wrote its graph where cameras write their names, as in WebP files."""
    values = (exif.get(tag) for tag in (_DESCRIPTION, _MAKE, _MODEL))
    return any(
        isinstance(value, str) and value.lower().startswith(("prompt:{", "workflow:{"))
        for value in values
    )


def _join_camera(exif: Mapping[int, object]) -> str | None:
    make, model = _clean(exif.get(_MAKE)), _clean(exif.get(_MODEL))
    if make and model and model.lower().startswith(make.split()[0].lower()):
        return model
    return " ".join(filter(None, (make, model))) or None


def _find_generator(
    texts: Mapping[str, str], software: str | None, xmp: bytes, exif: Mapping[int, object]
) -> str | None:
    for key, words in _PNG_KEYS.items():
        if key in texts:
            return words
    if (match := _SOURCE_TYPE.search(xmp)) and match.group(1).decode() in _MADE_BY_MODEL:
        return f"{match.group(1).decode()} (XMP digital source type)"
    if software and any(name in software.lower() for name in _GENERATORS):
        return f"{software} (software)"
    if _holds_graph(exif):
        return "ComfyUI prompt (EXIF)"
    comment = _decode_comment(exif.get(_USER_COMMENT))
    if "Steps: " in comment and "Sampler: " in comment:
        return "Stable Diffusion parameters (EXIF comment)"
    return None


def _decode_comment(value: object) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    kind, text = value[:8], value[8:]
    if kind != b"UNICODE\0":
        return text.decode("utf-8", "replace")
    return text.decode("utf-16-le" if text[1:2] == b"\0" else "utf-16-be", "replace")


def has_c2pa(image: ImageFile.ImageFile, content: bytes) -> bool:
    """Return whether the container holds a C2PA manifest store, where its format puts one.

    Source: C2PA technical specification 2.1, appendix A (embedding manifests).
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return any(name == "APP11" and _is_c2pa_segment(data) for name, data in image.applist)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _TIFF_C2PA in image.tag_v2
    match image.format:
        case "PNG":
            return any(name == b"caBX" for name in png_chunks(content))
        case "WEBP":
            return any(name == b"C2PA" for name in riff_chunks(content))
        case "AVIF" | "HEIF":
            return any(box == (b"uuid", _C2PA_BOX) for box in iso_boxes(content))
    return False


def _is_c2pa_segment(data: bytes) -> bool:
    # JPEG XT: "JP", instance, sequence number, then a JUMBF superbox whose type is "c2pa".
    return data[:2] == b"JP" and data[12:16] == b"jumb" and data[24:28] == b"c2pa"


def png_chunks(content: bytes) -> Iterator[bytes]:
    """Yield the names of a PNG's chunks."""
    position = 8
    while position + 8 <= len(content):
        yield content[position + 4 : position + 8]
        position += 12 + int.from_bytes(content[position : position + 4], "big")


def riff_chunks(content: bytes) -> Iterator[bytes]:
    """Yield the names of the chunks in a RIFF file's first list."""
    position = 12
    while position + 8 <= len(content):
        yield content[position : position + 4]
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8 + size + size % 2


def iso_boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and, for ``uuid`` boxes, user type of an ISO base media file's outer boxes."""
    position = 0
    while position + 8 <= len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        header = 8
        if size == 1:
            size, header = int.from_bytes(content[position + 8 : position + 16], "big"), 16
        name = content[position + 4 : position + 8]
        start = position + header
        yield name, content[start : start + 16] if name == b"uuid" else b""
        if size == 0:
            return
        position += max(size, header)
