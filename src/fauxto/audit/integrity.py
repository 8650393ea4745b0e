"""Findings about files: broken ones, and ones that are not what they seem."""

from typing import Final

import polars as pl

from fauxto.audit.records import Finding, Severity, count_words, describe_rows
from fauxto.core.errors import ImageStatus

BLOCKING_SHARE: Final = 0.2
"""Share of unusable files from which the data set as a whole is in doubt."""

_BROKEN: Final = {
    ImageStatus.TRUNCATED: ("ends too early", "end too early", "Copy or download it again."),
    ImageStatus.UNDECODABLE: (
        "cannot be decoded", "cannot be decoded", "Copy or download it again, or delete it.",
    ),
    ImageStatus.NOT_AN_IMAGE: ("is not an image", "are not images", "Move it out of the folder."),
    ImageStatus.UNSUPPORTED: (
        "is in a format that fauxto does not open",
        "are in formats that fauxto does not open",
        "Convert it to PNG or JPEG, for both classes alike.",
    ),
    ImageStatus.TOO_LARGE: (
        "is over the pixel or byte limit",
        "are over the pixel or byte limit",
        "Raise --max-pixels if the file is trusted.",
    ),
    ImageStatus.EMPTY: ("is empty", "are empty", "Copy or download it again."),
    ImageStatus.UNREADABLE: (
        "could not be read", "could not be read", "Check permissions and the disk.",
    ),
}  # fmt: skip

_SUFFIX_FORMATS: Final = {
    "jpg": ("JPEG", "MPO"), "jpeg": ("JPEG", "MPO"), "jpe": ("JPEG", "MPO"),
    "jfif": ("JPEG", "MPO"), "mpo": ("MPO", "JPEG"), "png": ("PNG",), "apng": ("PNG",),
    "webp": ("WEBP",), "gif": ("GIF",), "bmp": ("BMP", "DIB"), "dib": ("BMP", "DIB"),
    "tif": ("TIFF",), "tiff": ("TIFF",), "avif": ("AVIF",), "heic": ("HEIF", "HEIC"),
    "heif": ("HEIF", "HEIC", "AVIF"),
}  # fmt: skip

_USUAL_MODES: Final = ("RGB", "L")


def find_broken(images: pl.DataFrame) -> tuple[Finding, ...]:
    """Return findings about unusable and unusual files.

    Args:
        images: the table of images with ``path``, ``label``, ``status``, ``format``, ``frames``,
            ``mode`` and ``orientation``.
    """
    usable = images.filter(pl.col("status") == ImageStatus.OK.value)
    return (*_unusable(images), *_unusual(usable))


def _unusable(images: pl.DataFrame) -> list[Finding]:
    bad = images.filter(pl.col("status") != ImageStatus.OK.value)
    severity: Severity = "warning"
    if images.height and bad.height / images.height >= BLOCKING_SHARE:
        severity = "blocking"
    findings = []
    for status, (one, many, advice) in _BROKEN.items():
        rows = bad.filter(pl.col("status") == status.value)
        if rows.height:
            words = one if rows.height == 1 else many
            finding = describe_rows(
                f"integrity.{status.value}",
                severity,
                rows,
                title=f"{count_words(rows.height, 'file')} {words}",
                advice=f"{advice} 'fauxto prepare' leaves such files out.",
                evidence={"share": rows.height / images.height},
            )
            findings.append(finding)
    return findings


def _unusual(images: pl.DataFrame) -> list[Finding]:
    suffix = pl.col("path").str.to_lowercase().str.extract(r"\.([a-z]+)$")
    promised = suffix.replace_strict(_SUFFIX_FORMATS, default=None, return_dtype=pl.List(pl.String))
    lying = images.filter(~promised.list.contains(pl.col("format")))
    several = images.filter(pl.col("frames") > 1)
    odd_mode = images.filter(~pl.col("mode").is_in(_USUAL_MODES))
    turned = images.filter(pl.col("orientation") > 1)
    found = (
        (
            "integrity.extension", "warning", lying,
            "named as another format than the content is",
            "Nothing breaks, fauxto reads the content; but rename them, since other tools trust "
            "the name.",
        ),
        (
            "integrity.frames", "warning", several, "with more than one frame",
            "Only the first frame is used. Check that this is the picture meant.",
        ),
        (
            "integrity.mode", "info", odd_mode, "not stored as plain RGB or grey",
            "They are converted to RGB, alpha laid over white. Where one class has many more of "
            "them, see the container shortcut.",
        ),
        (
            "integrity.orientation", "info", turned, "stored turned, with an orientation tag",
            "fauxto turns them upright. Other tools may not: compare with care.",
        ),
    )  # fmt: skip
    return [
        describe_rows(
            kind,
            "warning" if severity == "warning" else "info",
            rows,
            title=f"{count_words(rows.height, 'image')} {words}",
            advice=advice,
        )
        for kind, severity, rows, words, advice in found
        if rows.height
    ]
