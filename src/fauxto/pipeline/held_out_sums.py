"""From the predictions of networks that each had something withheld to what that shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool

from fauxto.core.choices import HeldOutBy
from fauxto.core.errors import DataError
from fauxto.core.labels import LABELS, Label, Split
from fauxto.data.prepared import PreparedDataset
from fauxto.evaluate.predictions import label_numbers
from fauxto.metrics.parts import Part, measure_part
from fauxto.metrics.ranking import roc_auc
from fauxto.pipeline.held_out_records import HeldOut, HeldOutRow, Network

_RANKING = ("roc_auc", "tpr_at_fpr_5")

_Rows = Bool[np.ndarray, " n"]


@dataclass(frozen=True)
class NetworkScores:
    """A network's scores of the base's test images and of what was withheld from it.

    Attributes:
        withheld: values of which it saw no image.
        n_train: images that it was trained on.
        predictions: one row an image with a score: ``label``, ``source``, ``generator``,
            ``group``, ``score`` and ``in_base``, whether it is a test image of the base.
        threshold: score at or above which the verdict is fake.
    """

    withheld: tuple[str, ...]
    n_train: int
    predictions: pl.DataFrame
    threshold: float

    def rows_of(self, by: HeldOutBy, values: Sequence[str]) -> _Rows:
        """Return which rows belong to some values."""
        return self.predictions[by.value].is_in(list(values)).fill_null(value=False).to_numpy()

    @property
    def in_base(self) -> _Rows:
        """Return which rows are test images of the base."""
        return self.predictions["in_base"].to_numpy()

    @property
    def labels(self) -> np.ndarray:
        """Return the label of each row, 0 real and 1 fake."""
        return label_numbers(self.predictions)

    def measure(self, name: str, rows: _Rows) -> Part | None:
        """Return the metrics of some rows; None without any."""
        if not rows.any():
            return None
        chosen = self.predictions.filter(pl.Series(rows))
        return measure_part(
            name,
            label_numbers(chosen),
            chosen["score"].to_numpy(),
            self.threshold,
            groups=chosen["group"].to_list(),
        )

    def measure_completed(self, name: str, rows: _Rows, others: _Rows) -> Part | None:
        """Return the metrics of some rows, ranked against ``others`` where they lack a class."""
        own = self.measure(name, rows)
        ranked = self.measure(name, self._complete(rows, others))
        if own is None or ranked is None:
            return None
        intervals = {
            key: value
            for part, of_ranking in ((own, False), (ranked, True))
            for key, value in part.intervals.items()
            if (key in _RANKING) is of_ranking
        }
        ranking = {key: getattr(ranked, key) for key in _RANKING}
        return own.model_copy(update={**ranking, "intervals": intervals})

    def rank(self, rows: _Rows, others: _Rows) -> float | None:
        """Return the ROC-AUC of some rows, completed in the same way."""
        chosen = self._complete(rows, others)
        if not rows.any() or len(set(self.labels[chosen])) < 2:
            return None
        return roc_auc(self.labels[chosen], self.predictions["score"].to_numpy()[chosen])

    def _complete(self, rows: _Rows, others: _Rows) -> _Rows:
        lacking = find_lacking(self.labels[rows])
        if lacking is None or not rows.any():
            return rows
        return rows | (others & (self.labels == lacking.number))


def find_lacking(labels: np.ndarray) -> Label | None:
    """Return the class of which there is no image; None if there are both."""
    lacking = [label for label in LABELS if label.number not in labels]
    return lacking[0] if lacking else None


def sum_up(
    base: PreparedDataset,
    by: HeldOutBy,
    architecture: str,
    tested: Sequence[NetworkScores],
    rare: Sequence[str],
) -> HeldOut:
    """Return what the networks show.

    Args:
        base: the data set from which values were withheld.
        by: what was withheld.
        architecture: of all networks.
        tested: the first was trained on everything.
        rare: values with too few images to be withheld.

    Raises:
        DataError: no test image could be scored.
    """
    everything = tested[0]
    in_test = sorted(base.rows(Split.TEST)[by.value].drop_nulls().unique())
    rows = [
        row
        for position, one in enumerate(tested)
        for value in one.withheld
        if (row := _make_row(by, value, everything, one, position))
    ]
    pooled = _pool(by, tested)
    return HeldOut(
        by=by.value,
        architecture=architecture,
        data=base.digest,
        split_method=base.split_method,
        networks=tuple(_describe_network(by, one, in_test) for one in tested),
        rows=tuple(sorted(rows, key=_by_auc)),
        never_seen=pooled.get("never seen"),
        same_seen=pooled.get("seen"),
        not_withheld=tuple(rare),
    )


def _make_row(
    by: HeldOutBy, value: str, everything: NetworkScores, one: NetworkScores, position: int
) -> HeldOutRow | None:
    rows = one.rows_of(by, [value])
    others = one.in_base & ~one.rows_of(by, one.withheld)
    held_out = one.measure_completed(value, rows, others)
    if held_out is None:
        return None
    return HeldOutRow(
        value=value,
        network=position,
        completed_by=find_lacking(one.labels[rows]),
        held_out=held_out,
        random=everything.measure_completed(
            value,
            everything.rows_of(by, [value]) & everything.in_base,
            everything.in_base & ~everything.rows_of(by, one.withheld),
        ),
    )


def _describe_network(by: HeldOutBy, one: NetworkScores, in_test: Sequence[str]) -> Network:
    known = one.in_base & ~one.rows_of(by, one.withheld)
    seen = one.measure(f"without {', '.join(one.withheld)}" if one.withheld else "all", known)
    if seen is None:
        raise DataError("no test image could be scored")
    aucs = {value: one.rank(one.rows_of(by, [value]) & one.in_base, known) for value in in_test}
    return Network(withheld=one.withheld, n_train=one.n_train, seen=seen, roc_auc=aucs)


def _pool(by: HeldOutBy, tested: Sequence[NetworkScores]) -> Mapping[str, Part]:
    """Return accuracy on the base's test images of all withheld values, never seen and seen."""
    found = {}
    for name, networks in (("never seen", tested[1:]), ("seen", [tested[0]] * len(tested[1:]))):
        frames = [
            one.predictions.filter(pl.Series(one.in_base & one.rows_of(by, left_out.withheld)))
            # Verdicts, not scores: each network has its own threshold.
            .with_columns(called=(pl.col("score") >= one.threshold).cast(pl.Float64))
            for one, left_out in zip(networks, tested[1:], strict=True)
        ]
        rows = pl.concat(frames)
        if rows.is_empty():
            continue
        part = measure_part(
            name,
            label_numbers(rows),
            rows["called"].to_numpy(),
            0.5,
            groups=rows["group"].to_list(),
        )
        kept = {key: value for key, value in part.intervals.items() if key not in _RANKING}
        nothing = dict.fromkeys(_RANKING)
        found[name] = part.model_copy(update={**nothing, "intervals": kept})
    return found


def _by_auc(row: HeldOutRow) -> tuple[float, str]:
    return (row.held_out.roc_auc if row.held_out.roc_auc is not None else np.inf, row.value)
