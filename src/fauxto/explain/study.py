"""One pass over the images: maps of every method, where they lie, and how steady they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, UInt8

from fauxto.core.progress import Progress
from fauxto.data.stored import StoredImage
from fauxto.explain.catalogue import METHODS
from fauxto.explain.heat import pool, rank_agreement
from fauxto.explain.measures import Detail, find_detail, measure_region
from fauxto.explain.subject import (
    Judgement,
    Seen,
    Subject,
    choose_sides,
    judge,
    reencode,
    see_items,
    to_rgb,
)
from fauxto.explain.target import Target
from fauxto.imaging.preprocess import to_input

BATCH_SIZE: Final = 16
"""Images explained at once."""

STEADY_IMAGES: Final = 32
"""First images whose maps are also taken mirrored and after re-encoding."""

SLOW_IMAGES: Final = 24
"""First images that slow methods explain, beside those that become pictures."""

MEAN_CELLS: Final = 56
"""Squares along the longer side of a mean map."""

STEADY_SLOW: Final = 8
"""As ``STEADY_IMAGES``, for slow methods."""

OUTCOMES: Final = ("tp", "fn", "fp", "tn")
"""Fakes found and missed, reals called fake and real."""

Row = dict[str, str | float | bool | None]
"""A row of ``regions.parquet``."""


@dataclass(frozen=True)
class KeptMap:
    """A map that becomes a picture."""

    heat: Float[np.ndarray, "h w"]
    rgb: UInt8[np.ndarray, "h w 3"]
    judgement: Judgement
    side: str
    """Which side it explains: ``fake`` or ``real``."""


@dataclass(frozen=True, order=True)
class Group:
    """Images that belong together."""

    by: str
    """``label``, ``outcome``, ``generator`` or ``source``."""
    value: str


@dataclass
class MeanMap:
    """A running sum of maps of one group, on at most ``MEAN_CELLS`` squares a side."""

    total: Float[np.ndarray, "rows columns"]
    images: int = 0


@dataclass
class Study:
    """What was found on one network; grows batch by batch, its size does not depend on how
    many images there are except for one row each.
    """  # noqa: D205 - one sentence

    rows: list[Row] = field(default_factory=list)
    kept: dict[tuple[int, str], KeptMap] = field(default_factory=dict)
    """Maps by item and method."""
    errors: dict[int, str] = field(default_factory=dict)
    """Items that could not be read."""
    means: dict[tuple[str, Group], MeanMap] = field(default_factory=dict)
    """Mean maps by method and group of images."""
    agreements: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """Rank agreement of two methods, image by image."""


def study_subject(
    subject: Subject,
    items: Sequence[StoredImage],
    keep: Collection[int],
    target: Target,
    *,
    workers: int,
    progress: Progress,
) -> Study:
    """Return rows, kept maps and mean maps of one network over all items.

    Args:
        subject: the network.
        items: the images.
        keep: positions of the items whose maps become pictures.
        target: whose evidence is shown.
        workers: threads that decode.
        progress: told how many items are done.
    """
    study = Study()
    done = 0
    for seen in see_items(items, subject.card.preprocess, batch_size=BATCH_SIZE, workers=workers):
        study.errors.update(seen.errors)
        for index, error in seen.errors.items():
            study.rows.extend(
                _row(subject, items[index], method, error=error) for method in subject.methods
            )
        if seen.indices:
            _study_batch(study, subject, items, seen, keep, target)
        done += len(seen.indices) + len(seen.errors)
        progress(f"explain {subject.name}", done, len(items))
    return study


def _study_batch(
    study: Study,
    subject: Subject,
    items: Sequence[StoredImage],
    seen: Seen,
    keep: Collection[int],
    target: Target,
) -> None:
    odds = subject.odds(seen.inputs)
    directions = choose_sides(subject.card, odds, target)
    pictures = [to_rgb(one, subject.card.preprocess) for one in seen.inputs]
    details = [find_detail(picture) for picture in pictures]
    maps: dict[str, dict[int, Float[np.ndarray, "h w"]]] = {}
    for method in subject.methods:
        places = _choose_places(seen.indices, method, keep)
        heats = _explain(subject, seen.inputs[places], method, directions[places])
        maps[method] = {seen.indices[place]: heats[n] for n, place in enumerate(places)}
        steady = _measure_steadiness(subject, seen, pictures, method, maps[method], directions)
        for place in places:
            index = seen.indices[place]
            item, heat = items[index], maps[method][index]
            judgement = judge(subject.card, float(odds[place]), item.label)
            side = "fake" if directions[place] > 0 else "real"
            row = _row(subject, item, method, judgement=judgement, side=side)
            row |= _measure(heat, details[place]) | steady.get(index, {})
            study.rows.append(row)
            _add_means(study, method, _find_groups(item, judgement.outcome), heat)
            if index in keep:
                study.kept[index, method] = KeptMap(heat, pictures[place], judgement, side)
    for first, second in combinations(subject.methods, 2):
        study.agreements.setdefault((first, second), []).extend(
            rank_agreement(maps[first][index], maps[second][index])
            for index in seen.indices
            if index in maps[first] and index in maps[second]
        )


def _choose_places(indices: Sequence[int], method: str, keep: Collection[int]) -> list[int]:
    """Return the places in a batch that a method explains: all, or few where it is slow."""
    if not METHODS[method].slow:
        return list(range(len(indices)))
    return [n for n, index in enumerate(indices) if index < SLOW_IMAGES or index in keep]


def _measure_steadiness(
    subject: Subject,
    seen: Seen,
    pictures: Sequence[UInt8[np.ndarray, "h w 3"]],
    method: str,
    maps: Mapping[int, Float[np.ndarray, "h w"]],
    directions: Float[np.ndarray, " n"],
) -> dict[int, dict[str, float]]:
    """Return how alike the first items' maps stay, mirrored and mildly re-encoded, by item."""
    limit = STEADY_SLOW if METHODS[method].slow else STEADY_IMAGES
    places = [n for n, index in enumerate(seen.indices) if index < limit]
    if not places:
        return {}
    mirrored = np.ascontiguousarray(seen.inputs[places][..., ::-1])
    turned = _explain(subject, mirrored, method, directions[places])[..., ::-1]
    preprocess = subject.card.preprocess
    recoded = np.stack([to_input(reencode(pictures[place]), preprocess) for place in places])
    coded = _explain(subject, recoded, method, directions[places])
    steady = {}
    for n, place in enumerate(places):
        index = seen.indices[place]
        steady[index] = {
            "flip_agreement": rank_agreement(maps[index], turned[n]),
            "reencode_agreement": rank_agreement(maps[index], coded[n]),
        }
    return steady


def _explain(
    subject: Subject,
    inputs: Float32[np.ndarray, "n 3 h w"],
    method: str,
    directions: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n h w"]:
    if not len(inputs):
        return np.empty((0, *inputs.shape[2:]), np.float32)
    return subject.explain(inputs, method, directions)


def _measure(heat: Float[np.ndarray, "h w"], detail: Detail) -> Row:
    region = measure_region(heat, detail)
    return {"blank": True} if region is None else {"blank": False, **asdict(region)}


def _find_groups(item: StoredImage, outcome: str | None) -> list[Group]:
    values = {
        "label": item.label,
        "outcome": outcome,
        "generator": item.generator,
        "source": item.source,
    }
    return [Group(by, str(value)) for by, value in values.items() if value is not None]


def _add_means(
    study: Study, method: str, groups: Sequence[Group], heat: Float[np.ndarray, "h w"]
) -> None:
    coarse = pool(heat, -(-max(heat.shape) // MEAN_CELLS))
    for group in groups:
        mean = study.means.setdefault((method, group), MeanMap(np.zeros(coarse.shape)))
        mean.total += coarse
        mean.images += 1


MEASURES: Final = (
    "centre_x", "centre_y", "border_share", "top_share", "entropy", "edge_ratio",
    "saturation_ratio", "flat_ratio", "face_like_ratio", "flip_agreement", "reencode_agreement",
)  # fmt: skip
"""Numbers of a map, null for a blank one."""


def _row(
    subject: Subject,
    item: StoredImage,
    method: str,
    *,
    judgement: Judgement | None = None,
    side: str | None = None,
    error: str | None = None,
) -> Row:
    return {
        "path": item.path,
        "run": subject.name,
        "method": method,
        "label": item.label,
        "source": item.source,
        "generator": item.generator,
        "score": judgement.score if judgement else None,
        "verdict": judgement.verdict if judgement else None,
        "outcome": judgement.outcome if judgement else None,
        "side": side,
        "blank": None,
        **dict.fromkeys(MEASURES),
        "error": error,
    }
