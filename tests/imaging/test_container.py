import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from fauxto.imaging.container import read_origin as origin


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jumbf(kind=b"c2pa"):
    uuid = kind + bytes.fromhex("00110010800000AA00389B71")
    description = uuid + b"\x03c2pa\0"
    inner = struct.pack(">I", 8 + len(description)) + b"jumd" + description
    return struct.pack(">I", 8 + len(inner)) + b"jumb" + inner


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def add_c2pa(content, image_format, kind=b"c2pa"):
    box = jumbf(kind)
    if image_format == "JPEG":
        app11 = segment(0xEB, b"JP" + struct.pack(">HI", 1, 1) + box)
        return content[:2] + app11 + content[2:]
    if image_format == "PNG":
        return content[:33] + png_chunk(b"caBX", box) + content[33:]
    if image_format == "WEBP":
        body = content[8:] + b"C2PA" + struct.pack("<I", len(box)) + box + b"\0" * (len(box) % 2)
        return b"RIFF" + struct.pack("<I", len(body)) + body
    uuid = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + box
    return content + struct.pack(">I", 8 + len(uuid)) + b"uuid" + uuid


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_content_credentials_are_found_where_the_format_puts_them(photo, encode, image_format):
    content = encode(photo, image_format)
    assert not origin(content).has_c2pa
    assert origin(add_c2pa(content, image_format)).has_c2pa


def test_other_jumbf_boxes_are_no_content_credentials(photo, encode):
    assert not origin(add_c2pa(encode(photo, "JPEG"), "JPEG", kind=b"json")).has_c2pa


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_bytes_of_a_mark_elsewhere_prove_nothing(photo, encode, image_format):
    options = {"comment": b"c2pa jumb caBX C2PA parameters"} if image_format != "PNG" else {}
    found = origin(encode(photo, image_format, **options) + b"jumbf c2pa caBX C2PA parameters")
    assert not found.has_c2pa
    assert found.generator_hint is None


@pytest.mark.parametrize(
    ("key", "text", "hint"),
    [
        ("parameters", "a cat\nSteps: 20, Sampler: Euler", "Stable Diffusion"),
        ("prompt", '{"3": {"class_type": "KSampler", "inputs": {}}}', "ComfyUI"),
        ("workflow", '{"nodes": [{"type": "KSampler"}]}', "ComfyUI"),
        ("prompt", '{"3": {}}', None),
        ("Software", "NovelAI", "NovelAI"),
        ("Dream", "a cat -s 50", "InvokeAI"),
        ("Comment", "the parameters of my life", None),
        ("Software", "GIMP 2.10", None),
    ],
)
def test_png_text_names_a_generator(photo, encode, key, text, hint):
    info = PngImagePlugin.PngInfo()
    info.add_text(key, text, zip=len(text) > 20)
    found = origin(encode(photo, "PNG", pnginfo=info)).generator_hint
    assert (found is None) if hint is None else hint in found


def xmp(source_type, *, as_attribute):
    url = f"http://cv.iptc.org/newscodes/digitalsourcetype/{source_type}"
    field = (
        f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{url}" xmp:CreatorTool="Tool 1"/>'
        if as_attribute
        else f"<rdf:Description><Iptc4xmpExt:DigitalSourceType>{url}"
        "</Iptc4xmpExt:DigitalSourceType><xmp:CreatorTool>Tool 1</xmp:CreatorTool>"
        "</rdf:Description>"
    )
    names = (
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    )
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {names}>{field}</rdf:RDF></x:xmpmeta>'
    ).encode()


WHERE = {
    "JPEG": "JPEG APP1 (XMP)", "WEBP": "WebP XMP", "PNG": "PNG iTXt 'XML:com.adobe.xmp'",
}  # fmt: skip


@pytest.mark.parametrize("as_attribute", [True, False])
@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "PNG"])
def test_xmp_digital_source_type(photo, encode, image_format, as_attribute):
    def save(source_type):
        packet = xmp(source_type, as_attribute=as_attribute)
        if image_format != "PNG":
            return encode(photo, image_format, xmp=packet)
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        return encode(photo, "PNG", pnginfo=info)

    made = origin(save("trainedAlgorithmicMedia"))
    assert made.generator_hint == (
        f"digital source type 'trainedAlgorithmicMedia' ({WHERE[image_format]})"
    )
    assert made.software == "Tool 1"
    assert origin(save("digitalCapture")).generator_hint is None


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_camera_and_software_from_exif(photo, encode, image_format):
    exif = Image.Exif()
    exif[271], exif[272], exif[305] = "Canon ", "Canon EOS 5D\0", "darktable\n4.0"
    found = origin(encode(photo, image_format, exif=exif))
    assert (found.camera, found.software) == ("Canon EOS 5D", "darktable 4.0")


def test_maker_and_model_are_joined(photo, encode):
    exif = Image.Exif()
    exif[271], exif[272] = "Apple", "iPhone 15"
    found = origin(encode(photo, "JPEG", exif=exif))
    assert (found.camera, found.has_exif) == ("Apple iPhone 15", True)
    nothing = origin(encode(photo, "JPEG"))
    assert (nothing.camera, nothing.software, nothing.has_exif) == (None, None, False)


def test_comfyui_writes_its_graph_where_cameras_write_their_names(photo, encode):
    exif = Image.Exif()
    exif[271] = 'Prompt:{"6": {"class_type": "KSampler", "inputs": {}}}'
    found = origin(encode(photo, "WEBP", exif=exif))
    assert (found.camera, found.generator_hint) == (None, "record of ComfyUI (WebP EXIF)")


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le"])
def test_parameters_in_the_exif_comment(photo, codec):
    exif = Image.Exif()
    text = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode(codec)
    buffer = BytesIO()
    photo.save(buffer, "JPEG", exif=exif)
    assert origin(buffer.getvalue()).generator_hint == (
        "record of Stable Diffusion WebUI (JPEG APP1 (EXIF))"
    )


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_damaged_exif_counts_as_absent(photo, encode):
    content = encode(photo, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f broken")
    assert origin(content).camera is None
