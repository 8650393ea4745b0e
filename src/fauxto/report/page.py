"""Pages: one self-contained HTML file each, for phone, dark mode, keyboard and print."""

import base64
import io
import math
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from fauxto.core.artifacts import write_text

THUMBNAIL_PX: Final = 160
"""Longest side of a thumbnail in pixels."""


def _percent(fraction: float | None, digits: int = 1) -> str:
    return "–" if fraction is None else f"{fraction * 100:.{digits}f} %"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def _svg(text: str) -> Markup:
    return Markup(text)


_environment = Environment(
    loader=PackageLoader("fauxto.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(percent=_percent, number=_number, svg=_svg)


def render_page(template: str, **context: Any) -> str:  # noqa: ANN401 - template variables
    """Return a page as text.

    Args:
        template: file name in ``report/templates``, extending ``base.html``.
        context: the template's variables; a missing one is an error. Text is escaped; plots and
            data URIs pass through the ``svg`` filter.
    """
    return _environment.get_template(template).render(**context)


def write_page(path: Path, template: str, **context: Any) -> None:  # noqa: ANN401 - as above
    """Render a page and write it atomically."""
    write_text(path, render_page(template, **context))


def thumbnail_uri(image: Image.Image, longest_px: int = THUMBNAIL_PX, quality: int = 72) -> str:
    """Return a small JPEG of an image as a ``data:`` address to put into a page.

    Args:
        image: RGB image of any size.
        longest_px: longest side of the result in pixels; smaller images keep their size.
        quality: JPEG quality from 1 to 95.
    """
    small = image.copy()
    small.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    return image_uri(small, "JPEG", quality=quality)


def image_uri(image: Image.Image, image_format: str = "PNG", **options: Any) -> str:  # noqa: ANN401
    """Return an image as a ``data:`` address.

    Args:
        image: image to encode.
        image_format: Pillow's name of the format.
        options: passed to Pillow's encoder.
    """
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{image_format.lower()};base64,{encoded}"
