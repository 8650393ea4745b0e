"""What could be guessed without the network, told beside what the network can.

The baselines are fitted on training images and score the same images as the network: one sees only
facts of the original files, the other only the picture shrunk to 16 × 16 pixels. Both, and the
network, are also measured on pairs of a real and a fake whose original files are alike in shape,
size and compression, so that these facts say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Float, Int, UInt8
from PIL import Image
from threadpoolctl import threadpool_limits

from fauxto.core.errors import UnreadableImage
from fauxto.core.labels import LABELS, Split
from fauxto.core.records import DataSummary
from fauxto.data.prepared import PreparedDataset
from fauxto.data.shortcut_facts import container_facts, geometry_facts, thumbnail_facts
from fauxto.data.stored import StoredImage, read_image
from fauxto.evaluate.origins import complete_classes, was_seen
from fauxto.evaluate.predictions import label_numbers
from fauxto.imaging.decode import Limits, decode_rgb
from fauxto.loading.ahead import map_ahead
from fauxto.metrics.baseline import make_trees, rank_missing_lowest, score_rows
from fauxto.metrics.parts import ALL_IMAGES, MODEL, UNSEEN, Control, measure_part

ALIKE: Final = "pairs of alike files"
FILE_FACTS: Final = "file facts"
THUMBNAIL: Final = "16 × 16 pixels"

MOST_FITTED: Final = 3000
"""Training images that a baseline is fitted on."""
FEWEST_FITTED: Final = 20
"""Training images of each class below which no baseline is fitted."""
FEWEST_PAIRS: Final = 20
"""Pairs below which nothing is said of alike files."""
_SEED: Final = 42


@dataclass(frozen=True)
class _Scored:
    name: str
    scores: Float[np.ndarray, " n"]
    threshold: float


def measure_controls(
    dataset: PreparedDataset,
    scored: pl.DataFrame,
    threshold: float,
    *,
    workers: int,
    trained_on: DataSummary | None = None,
) -> tuple[Control, ...]:
    """Return the network's metrics and the baselines', on all images, new ones and alike ones.

    Args:
        dataset: the prepared data; without facts of its originals there is neither the baseline
            of file facts nor a matched part.
        scored: predictions without error of images of the data.
        threshold: of the network; the baselines have 0.5, both classes equally frequent.
        workers: threads that decode.
        trained_on: what the network learnt from, to tell which images are new.

    Returns:
        Nothing where there are too few training images to fit a baseline.
    """
    origin = dataset.images.select("path", "original")
    judged = scored.join(origin, on="path").sort("path")
    fitted = _draw_fitted(dataset)
    if fitted.is_empty():
        return ()
    shown = dataset.locate([*fitted["path"], *judged["path"]])
    thumbnails, readable = _shrink_all(shown, workers)
    columns = ("original", "label")
    rows = pl.concat([fitted.select(columns), judged.select(columns)]).filter(readable)
    originals = dataset.originals()
    facts = {THUMBNAIL: thumbnail_facts(thumbnails).values}
    labels, groups = label_numbers(judged), judged["group"].to_list()
    chosen = {ALL_IMAGES: np.arange(judged.height)}
    seen = was_seen(judged, trained_on) if trained_on else []
    new = np.array([answer is False for answer in seen], dtype=bool)
    if new.any() and not new.all():
        chosen[UNSEEN] = np.flatnonzero(complete_classes(new, labels))
    if originals is not None:
        files = _find_files(rows, originals)
        facts = {
            FILE_FACTS: np.hstack([container_facts(files).values, geometry_facts(files).values]),
            **facts,
        }
        alike = find_alike(_find_files(judged, originals))
        if len(alike) >= 2 * FEWEST_PAIRS:
            chosen[ALIKE] = alike
    scorers = [_Scored(MODEL, judged["score"].to_numpy(), threshold)]
    scorers += [_guess(name, values, rows, judged.height) for name, values in facts.items()]
    return tuple(
        Control(
            scorer=scorer.name,
            images=images,
            part=measure_part(
                scorer.name,
                labels[positions],
                scorer.scores[positions],
                scorer.threshold,
                groups=[groups[position] for position in positions],
            ),
        )
        for images, positions in chosen.items()
        for scorer in scorers
    )


def _guess(name: str, values: Float[np.ndarray, "r facts"], rows: pl.DataFrame, n: int) -> _Scored:
    """Fit a baseline on all rows but the last ``n`` and score those."""
    with threadpool_limits(limits=1):  # the same sums in the same order on every machine
        scores = score_rows(
            make_trees(seed=_SEED, pixels=name == THUMBNAIL),
            rank_missing_lowest(values),
            label_numbers(rows),
            fitted=np.arange(rows.height - n),
            scored=np.arange(rows.height - n, rows.height),
        )
    return _Scored(name, scores, 0.5)


def _find_files(rows: pl.DataFrame, originals: pl.DataFrame) -> pl.DataFrame:
    """Return the facts of each row's original file, in the order of the rows."""
    return rows.select("label", path="original").join(
        originals.drop("label"), on="path", how="left", maintain_order="left"
    )


def find_alike(files: pl.DataFrame) -> Int[np.ndarray, " k"]:
    """Return positions of reals and fakes, as many of each, whose files are alike pair by pair.

    A pair has one format, chroma subsampling, tenth of JPEG quality, half octave of area and
    quarter octave of aspect; square files are paired with square ones only.

    Args:
        files: columns ``label`` and facts of the original files.
    """
    rng = np.random.default_rng(_SEED)
    width, height = pl.col("width").log(2), pl.col("height").log(2)
    cells = ("format", "jpeg_subsampling", "_quality", "_area", "_aspect", "_square")
    placed = files.with_row_index("_position").with_columns(
        _order=pl.Series(rng.random(files.height)),
        _quality=pl.col("jpeg_quality") // 10,
        _area=(2 * (width + height)).floor(),
        _aspect=(4 * (width - height)).floor(),
        _square=pl.col("width") == pl.col("height"),
    )
    ranked = placed.with_columns(
        _rank=pl.col("_order").rank("ordinal").over(*cells, "label"),
        _pairs=pl.min_horizontal(
            ((pl.col("label") == label.value).sum()).over(cells) for label in LABELS
        ),
    )
    kept = ranked.filter(pl.col("width").is_not_null(), pl.col("_rank") <= pl.col("_pairs"))
    return kept["_position"].sort().cast(pl.Int64).to_numpy()


def _draw_fitted(dataset: PreparedDataset) -> pl.DataFrame:
    train = dataset.rows(Split.TRAIN).sort("path")
    if min(int((train["label"] == label.value).sum()) for label in LABELS) < FEWEST_FITTED:
        return train.clear()
    rng = np.random.default_rng(_SEED)
    return train[np.sort(rng.permutation(train.height)[:MOST_FITTED])]


def _shrink_all(
    images: Sequence[StoredImage], workers: int
) -> tuple[UInt8[np.ndarray, "n 16 16 3"], list[bool]]:
    """Return the readable pictures at 16 × 16 pixels, and which of all these are."""
    shrunk = list(map_ahead(_shrink, images, workers=workers, ahead=64))
    return np.stack([one for one in shrunk if one is not None]), [one is not None for one in shrunk]


def _shrink(image: StoredImage) -> UInt8[np.ndarray, "16 16 3"] | None:
    limits = Limits()
    try:
        rgb = decode_rgb(read_image(image, limits), limits).rgb
    except UnreadableImage:
        return None
    return np.asarray(rgb.resize((16, 16), Image.Resampling.BOX))
