"""The picture files of an explanation, and the chosen images as the page shows them."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from fauxto.core.artifacts import write_bytes
from fauxto.core.labels import Label, Verdict
from fauxto.explain.catalogue import METHODS
from fauxto.explain.findings import Findings
from fauxto.explain.selection import Choice
from fauxto.explain.study import KeptMap
from fauxto.explain.subject import Subject
from fauxto.imaging.overlay import colour_map, overlay_heat
from fauxto.report.explain_figures import Panel, draw_side_by_side
from fauxto.report.page import image_uri, thumbnail_uri

SIDE_BY_SIDE: Final = "side-by-side.png"

MAX_INLINE_CELLS: Final = 400
"""Explained pictures up to which the page holds them itself, about 12 MB."""

MAX_SIDE_BY_SIDE: Final = 12
"""Images of the side-by-side figure; the page shows all."""

OVERVIEW_PX: Final = 112
"""Side of the small pictures that lead to the chosen images."""

_NAME_CHARACTERS: Final = 32


@dataclass(frozen=True)
class Cell:
    """One explained picture on the page."""

    run: str
    title: str
    score: float
    threshold: float
    verdict: Verdict
    side: str
    sided: bool
    """Whether the method distinguishes sides."""
    blank: bool
    picture: str
    heat: str


@dataclass(frozen=True)
class Case:
    """One chosen image on the page."""

    shown: str
    name: str
    """Of the file, without its folders."""
    label: Label | None
    origin: str | None
    """Generator, or source."""
    reason: str
    error: str | None
    original: str | None
    cells: tuple[Cell, ...]
    overview: str | None
    """Small overlay of the first model and method."""


def write_pictures(findings: Findings, folder: Path, strength: float) -> list[Case]:
    """Write every picture file and return the chosen images for the page.

    Args:
        findings: what was found.
        folder: of the explanation.
        strength: share of the map's colour in the overlay files, in [0, 1].
    """
    inline = len(findings.choices) * len(list(findings.pairs())) <= MAX_INLINE_CELLS
    cases = [
        _write_case(findings, number, choice, folder, inline=inline, strength=strength)
        for number, choice in enumerate(findings.choices, start=1)
    ]
    write_bytes(folder / SIDE_BY_SIDE, _draw_side_by_side(findings, strength))
    return cases


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", text).strip("-.") or "picture"


def _encode_png(rgb: UInt8[np.ndarray, "h w 3"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def _write_case(
    findings: Findings,
    number: int,
    choice: Choice,
    folder: Path,
    *,
    inline: bool,
    strength: float,
) -> Case:
    """Write the files of one chosen image and return what the page says of it."""
    item = findings.items[choice.index]
    stem = f"{number:02d}-{_slug(Path(item.path).stem)[:60]}"

    def place(name: str, rgb: UInt8[np.ndarray, "h w 3"]) -> str:
        write_bytes(folder / name, _encode_png(rgb))
        return image_uri(Image.fromarray(rgb), "JPEG", quality=85) if inline else name

    cells: list[Cell] = []
    originals: list[str] = []
    overview = None
    for subject, method in findings.pairs():
        kept = findings.studies[subject.name].kept.get((choice.index, method))
        if kept is None:
            continue
        part = f"{stem}--{_slug(subject.name)}"
        if not originals or inline:
            picture = place(f"{stem}.png", kept.rgb)
        else:  # models may see the picture at other sizes
            picture = place(f"{part}.png", kept.rgb)
        originals.append(picture)
        heat = place(f"{part}--{method}-map.png", colour_map(kept.heat))
        overlay = overlay_heat(kept.rgb, kept.heat, strength)
        write_bytes(folder / f"{part}--{method}-overlay.png", _encode_png(overlay))
        overview = overview or thumbnail_uri(Image.fromarray(overlay), OVERVIEW_PX)
        cells.append(_make_cell(subject, method, kept, picture, heat))
    errors = [study.errors.get(choice.index) for study in findings.studies.values()]
    return Case(
        shown=item.path,
        name=Path(item.path).name,
        label=item.label,
        origin=item.generator or item.source,
        reason=choice.reason,
        error=next((error for error in errors if error), None),
        original=originals[0] if originals else None,
        cells=tuple(cells),
        overview=overview,
    )


def _make_cell(subject: Subject, method: str, kept: KeptMap, picture: str, heat: str) -> Cell:
    return Cell(
        run=subject.name,
        title=METHODS[method].title,
        score=kept.judgement.score,
        threshold=subject.card.threshold,
        verdict=kept.judgement.verdict,
        side=kept.side,
        sided=METHODS[method].sided,
        blank=not kept.heat.any(),
        picture=picture,
        heat=heat,
    )


def _draw_side_by_side(findings: Findings, strength: float) -> bytes:
    pairs = list(findings.pairs())
    columns = ["Original"] + [f"{subject.name}\n{METHODS[m].title}" for subject, m in pairs]
    rows = []
    for choice in findings.choices[:MAX_SIDE_BY_SIDE]:
        item = findings.items[choice.index]
        panels = []
        for subject, method in pairs:
            kept = findings.studies[subject.name].kept.get((choice.index, method))
            if kept is None:
                panels.append(Panel(None, "could not be read"))
                continue
            said = kept.judgement
            caption = f"score {said.score:.3f}: {said.verdict}\n"
            caption += f"threshold {subject.card.threshold:.3f}"
            panels.append(Panel(overlay_heat(kept.rgb, kept.heat, strength), caption))
        first = findings.studies[pairs[0][0].name].kept.get((choice.index, pairs[0][1]))
        name = Path(item.path).name
        half = _NAME_CHARACTERS // 2
        shown = name if len(name) <= _NAME_CHARACTERS else f"{name[:half]}…{name[-half:]}"
        original = Panel(first.rgb if first else None, f"{item.label or 'label unknown'}\n{shown}")
        rows.append([original, *panels])
    return draw_side_by_side(columns, rows)
