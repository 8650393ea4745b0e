import datetime
import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fauxto.provenance.read import read_provenance

XMP_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</rdf:RDF>'
    '</x:xmpmeta><?xpacket end="w"?>'
)
NAMESPACES = (
    'xmlns:a="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:b="http://ns.adobe.com/xap/1.0/" '
    'xmlns:c="http://ns.adobe.com/photoshop/1.0/" xmlns:d="http://purl.org/dc/elements/1.1/" '
    'xmlns:e="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:f="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"'
)


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.fixture(scope="session")
def photo():
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def encode(photo):
    def to_bytes(image_format, **options):
        buffer = io.BytesIO()
        photo.save(buffer, image_format, **options)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture
def packet_of():
    """An XMP packet with properties; its prefixes are unusual, since only names count."""

    def build(inner="", attributes=""):
        return XMP_PACKET.format(
            f'<rdf:Description rdf:about="" {NAMESPACES} {attributes}>{inner}</rdf:Description>'
        ).encode()

    return build


@pytest.fixture
def with_text(encode):
    """A PNG with one text, in the chunk asked for, right behind its header."""

    def build(key, text, chunk=b"tEXt"):
        raw = text.encode("latin-1" if chunk != b"iTXt" else "utf-8")
        body = {
            b"tEXt": key.encode() + b"\0" + raw,
            b"zTXt": key.encode() + b"\0\0" + zlib.compress(raw),
            b"iTXt": key.encode() + b"\0\0\0\0\0" + raw,
        }[chunk]
        content = encode("PNG")
        return content[:33] + png_chunk(chunk, body) + content[33:]

    return build


@pytest.fixture
def with_xmp(encode):
    def build(image_format, packet):
        if image_format == "TIFF":
            return encode("TIFF", tiffinfo={700: packet})
        if image_format != "PNG":
            return encode(image_format, xmp=packet)
        content = encode("PNG")
        body = b"XML:com.adobe.xmp\0\0\0\0\0" + packet
        return content[:33] + png_chunk(b"iTXt", body) + content[33:]

    return build


@pytest.fixture
def only():
    """The one statement of a file, or of one kind in it."""

    def read(content, kind=None):
        found = [
            one for one in read_provenance(content).statements if kind is None or one.kind == kind
        ]
        assert len(found) == 1, found
        return found[0]

    return read


@pytest.fixture(scope="session")
def authority():
    """A signing authority and a signer of the test's own: certificates and key in PEM."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    begin, end = datetime.datetime(2024, 1, 1), datetime.datetime(2074, 1, 1)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{organisation} 1"),
            ]
        )
        for organisation in ("Test Authority", "Example Studio")
    ]
    certificates = []
    for number, (name, key) in enumerate(zip(names, keys, strict=True)):
        root = number == 0
        uses = dict.fromkeys(
            (
                "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
            ),
            False,
        )  # fmt: skip
        uses |= {"key_cert_sign": root, "crl_sign": root, "digital_signature": not root}
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(number + 1)
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**uses), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        if not root:
            email = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.4")
            signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
            builder = builder.add_extension(x509.ExtendedKeyUsage([email]), critical=False)
            builder = builder.add_extension(signer, critical=False)
        certificate = builder.sign(keys[0], hashes.SHA256())
        certificates.append(certificate.public_bytes(serialization.Encoding.PEM))
    key = keys[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {"root": certificates[0], "chain": certificates[1] + certificates[0], "key": key}


@pytest.fixture
def sign(authority):
    """Sign a picture as its maker would, with one action, perhaps over another signed picture."""
    c2pa = pytest.importorskip("c2pa")
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(b"es256", authority["chain"], authority["key"], None)
    )

    def build(content, media_type="image/jpeg", *, source="digitalCreation", parent=None):
        address = f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
        agent = {"name": "Example Model", "version": "3"}
        actions = [{"action": "c2pa.created", "softwareAgent": agent, "digitalSourceType": address}]
        if parent is not None:
            picture, relationship = parent
            used = {"parameters": {"ingredientIds": ["before"]}, "softwareAgent": agent}
            if relationship == "parentOf":
                actions = [{"action": "c2pa.opened", **used}]
            else:
                actions.append({"action": "c2pa.placed", **used})
        manifest = {
            "claim_generator_info": [{"name": "Example Generator", "version": "1.0"}],
            "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}],
        }
        builder = c2pa.Builder(json.dumps(manifest))
        if parent is not None:
            about = {"title": "b.jpg", "relationship": relationship, "instance_id": "before"}
            builder.add_ingredient(json.dumps(about), media_type, io.BytesIO(picture))
        target = io.BytesIO()
        builder.sign(signer, media_type, io.BytesIO(content), target)
        return target.getvalue()

    return build
