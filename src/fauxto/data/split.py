"""Who is in training, validation and test: drawn by group, stratified by label, seeded.

No function depends on the order of rows. A group (near duplicates, or anything else in the
``group`` column) is drawn as one; a row without a group stands alone.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from fauxto.core.choices import SplitMethod
from fauxto.core.errors import DataError
from fauxto.core.labels import LABELS, Split

_UNIT: Final = "_unit"


def assign_splits(
    images: pl.DataFrame,
    method: SplitMethod,
    *,
    val: float,
    test: float,
    hold_out: Sequence[str] = (),
    validate_on: Sequence[str] = (),
    seed: int,
) -> pl.DataFrame:
    """Return ``path`` and ``split`` for every image.

    Args:
        images: columns ``path``, ``label``, ``split``, ``source``, ``generator``, ``group``.
        method: ``given`` keeps train and test (and val, if there is one); ``random`` draws single
            rows; ``grouped`` draws groups; the held-out methods put every image of the named
            generators or sources into test, and where a label has none there, draws of it.
        val: share of what is not test that becomes validation, in (0, 1).
        test: share that becomes test where it is drawn, in (0, 1).
        hold_out: names of generators or sources, for the held-out methods.
        validate_on: names of generators or sources whose training images, with those of the same
            groups, become validation instead of a share.
        seed: of the draws.

    Raises:
        DataError: the data have no split to keep, or a name does not occur.
    """
    images = images.sort("path").with_columns(_units(grouped=method is not SplitMethod.RANDOM))
    rng = np.random.default_rng(seed)
    if method is SplitMethod.GIVEN:
        assigned = _check_given(images)
    elif method in (SplitMethod.RANDOM, SplitMethod.GROUPED):
        assigned = np.where(_draw(images, test, rng), Split.TEST, Split.TRAIN)
    else:
        assigned = np.where(_hold_out(images, method, hold_out, test, rng), Split.TEST, Split.TRAIN)
    if validate_on:
        assigned = _validate_on(images, assigned, validate_on)
    elif Split.VAL not in assigned:
        rest = images.filter(pl.Series(assigned == Split.TRAIN))
        chosen = np.zeros(images.height, bool)
        chosen[assigned == Split.TRAIN] = _draw(rest, val, rng)
        assigned = np.where(chosen, Split.VAL, assigned)
    return images.select("path").with_columns(
        split=pl.Series([str(split) for split in assigned], dtype=pl.String)
    )


def _units(*, grouped: bool) -> pl.Expr:
    alone = pl.concat_str(pl.lit("path:"), "path")
    if not grouped:
        return alone.alias(_UNIT)
    together = pl.concat_str(pl.lit("group:"), "group")
    return pl.coalesce(together, alone).alias(_UNIT)


def _check_given(images: pl.DataFrame) -> np.ndarray:
    missing = images["split"].null_count()
    if missing == images.height:
        raise DataError(
            "the data have no split of their own: choose --split grouped (near duplicates stay "
            "together) or --split random"
        )
    if missing:
        raise DataError(
            f"{missing} of {images.height} images have no split while others do: complete the "
            "split, or choose --split grouped"
        )
    assigned = images["split"].to_numpy().astype(object)
    for split in (Split.TRAIN, Split.TEST):
        if split not in assigned:
            raise DataError(
                f"the data's own split has no {split} images: choose --split grouped to draw one"
            )
    return assigned


def _draw(images: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return which rows are drawn: whole units, each label as near to its share as units allow."""
    units, inverse = np.unique(images[_UNIT].to_numpy(), return_inverse=True)
    labels = images["label"].to_numpy()
    counts = np.stack(
        [np.bincount(inverse[labels == label.value], minlength=len(units)) for label in LABELS],
        axis=1,
    )
    target = np.maximum(1, np.rint(counts.sum(axis=0) * share)) * (counts.sum(axis=0) > 1)
    taken = np.zeros(len(LABELS))
    chosen = np.zeros(len(units), bool)
    for unit in rng.permutation(len(units)):
        if np.all(taken + counts[unit] <= target):
            chosen[unit] = True
            taken += counts[unit]
    return chosen[inverse]


def _validate_on(images: pl.DataFrame, assigned: np.ndarray, names: Sequence[str]) -> np.ndarray:
    if Split.VAL in assigned:
        raise DataError("the data have validation images of their own: leave out --validate-on")
    training = images.filter(pl.Series(assigned == Split.TRAIN))
    known = {*training["source"].drop_nulls(), *training["generator"].drop_nulls()}
    if unknown := sorted(set(names) - known):
        raise DataError(
            f"no training image is of {', '.join(unknown)}: --validate-on takes some of "
            f"{', '.join(sorted(known)) or 'none known'}"
        )
    of_names = images["source"].is_in(list(names)) | images["generator"].is_in(list(names))
    named = of_names.fill_null(value=False).to_numpy()
    units = images[_UNIT].to_numpy()
    chosen = np.isin(units, units[named]) & (assigned == Split.TRAIN)
    return np.where(chosen, Split.VAL, assigned)


def _hold_out(
    images: pl.DataFrame,
    method: SplitMethod,
    names: Sequence[str],
    share: float,
    rng: np.random.Generator,
) -> np.ndarray:
    column = "generator" if method is SplitMethod.GENERATOR_HELD_OUT else "source"
    known = sorted(images[column].drop_nulls().unique())
    unknown = sorted(set(names) - set(known))
    if not names or unknown:
        wanted = f"no {column} is named {', '.join(unknown)}" if names else f"name a {column}"
        raise DataError(f"{wanted}: --hold-out takes one of {', '.join(known) or 'none known'}")
    named = images[column].is_in(list(names)).fill_null(value=False).to_numpy()
    units = images[_UNIT].to_numpy()
    held = np.isin(units, units[named])
    labels = images["label"].to_numpy()
    for label in LABELS:
        of_label = labels == label.value
        if not np.any(held & of_label):
            rest = ~held & of_label
            drawn = np.zeros(images.height, bool)
            drawn[rest] = _draw(images.filter(pl.Series(rest)), share, rng)
            held |= np.isin(units, units[drawn])
    return held
