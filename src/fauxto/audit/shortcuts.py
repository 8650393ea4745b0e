"""How well the label can be guessed without looking at what a picture shows.

Five families of facts each get a model of their own. Its scores are out-of-fold: five folds, all
pictures of a duplicate group in one. The verdict rests on the ROC-AUC of these scores and on a
permutation test that needs no refitting: within one fold, the model was fitted on other pictures,
so if facts and labels are unrelated every order of the fold's labels is equally likely, and the
Mann-Whitney statistic has its permutation distribution. The five p-values are not independent;
5/3 of their median, the third smallest, is a valid p-value whatever their dependence (Rüger 1978;
Vovk and Wang 2020, "Combining p-values via averaging", section 1). A group counts once, so that
copies do not make it surer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from scipy import stats
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from fauxto.audit.records import Finding, Severity, Shortcut, Strength
from fauxto.audit.shortcut_rules import find_rule, rank_facts
from fauxto.core.labels import Label
from fauxto.data import shortcut_facts
from fauxto.data.shortcut_facts import FAMILIES, Facts
from fauxto.metrics.baseline import Classifier, make_trees, rank_missing_lowest, score_rows
from fauxto.metrics.intervals import bootstrap_intervals, number_groups
from fauxto.metrics.ranking import roc_auc

MIN_IMAGES: Final = 20
"""Different images of each class below which no shortcut is judged; copies count once."""
MAX_IMAGES: Final = 10_000
"""Images beyond which a random part of this size is judged: so many make the 95 % interval of an
AUC 0.02 wide, and the memory does not grow with the data."""
SIGNIFICANCE: Final = 0.01
"""Largest p-value of a shortcut; above it the strength is none whatever the AUC."""
LIMITS: Final[tuple[tuple[float, Strength], ...]] = (
    (0.95, "given away"),
    (0.80, "strong"),
    (0.60, "weak"),
)
"""Least ROC-AUC of each strength. Matched data is held to 0.45 … 0.55, so 0.60 leaves room for
chance; at 0.80 the facts alone order four pairs of five rightly."""

_FOLDS: Final = 5
_RESAMPLES: Final = 200
_EXAMPLES: Final = 6

_SEVERITY: Final[dict[Strength, Severity]] = {
    "weak": "info", "strong": "warning", "given away": "blocking",
}  # fmt: skip

_ADVICE: Final = {
    "container": "Traces of format and compression survive in the pixels. Match it: "
    "'fauxto prepare --match container' re-encodes both classes alike.",
    "geometry": "Scaling to a square keeps the shape visible as distortion. Match it: "
    "'fauxto prepare --match geometry' draws both classes with the same sizes and shapes.",
    "colour": "The classes differ in light and colour, by subject or by style. Collect the same "
    "subjects for both classes, and test on other sources.",
    "thumbnail": "The classes differ in composition or subject, visible without any detail. "
    "Collect the same subjects for both classes, and test on other sources.",
    "name": "A network never sees the name, so this inflates no score; but it shows that the "
    "classes were collected apart: look for what else differs.",
}

ScoreFold = Callable[[np.ndarray, np.ndarray], Float[np.ndarray, " held_out"]]
"""Fit on some rows and give fake scores in [0, 1] for others: (fitted rows, held-out rows)."""


@dataclass(frozen=True)
class _Judged:
    paths: list[str]
    labels: Int[np.ndarray, " n"]
    groups: Int[np.ndarray, " n"]
    folds: Int[np.ndarray, " n"]
    note: str
    seed: int


def find_shortcuts(
    images: pl.DataFrame, thumbnails: pl.DataFrame | pl.LazyFrame, *, seed: int = 42
) -> tuple[Shortcut, ...]:
    """Return one record for each family of facts, in the order of ``FAMILIES``.

    Args:
        images: the table of images with its ``group`` column.
        thumbnails: see ``tables.THUMBNAIL_SCHEMA``; only images with a row there count.
        seed: of the sample, the folds, the models and the bootstrap.
    """
    thumbnails = thumbnails.lazy()
    usable = images.join(thumbnails.select("path").collect(), on="path", how="semi").sort("path")
    smallest = min(_count_different(usable, label) for label in Label)
    if smallest < MIN_IMAGES:
        note = (
            f"Not judged: it takes at least {MIN_IMAGES} different usable images of each class, "
            f"the smaller class has {smallest}."
        )
        return tuple(
            Shortcut(family=family, title=title, strength=None, note=note)
            for family, title in FAMILIES.items()
        )
    rng = np.random.default_rng(seed)
    note = f"All {usable.height:,} usable images."
    if usable.height > MAX_IMAGES:
        note = f"A random {MAX_IMAGES:,} of {usable.height:,} usable images."
        chosen = np.sort(rng.choice(usable.height, MAX_IMAGES, replace=False))
        usable = usable[chosen]
    chosen_pixels = thumbnails.select("path", "thumb16").join(
        usable.lazy().select("path"), on="path", how="semi"
    )
    usable = usable.join(chosen_pixels.collect(engine="streaming"), on="path").sort("path")
    labels = (usable["label"] == Label.FAKE.value).cast(pl.Int64).to_numpy()
    groups = number_groups(usable["group"].to_list())
    folds = _deal_folds(labels, groups, rng)
    judged = _Judged(usable["path"].to_list(), labels, groups, folds, note, seed)
    pixels = shortcut_facts.thumbnail_array(usable["thumb16"])
    families = {
        "container": shortcut_facts.container_facts(usable),
        "geometry": shortcut_facts.geometry_facts(usable),
        "colour": shortcut_facts.colour_facts(usable, pixels),
        "thumbnail": shortcut_facts.thumbnail_facts(pixels),
        "name": shortcut_facts.name_facts(usable),
    }
    with threadpool_limits(limits=1):  # the same sums in the same order on every machine
        return tuple(
            _judge(family, facts, _scorer(family, facts, usable, labels, seed), judged)
            for family, facts in families.items()
        )


def shortcut_findings(shortcuts: tuple[Shortcut, ...]) -> tuple[Finding, ...]:
    """Return a finding for each shortcut that is more than none."""
    findings = []
    for shortcut in shortcuts:
        strength = shortcut.strength
        if strength is None or strength == "none" or shortcut.roc_auc is None:
            continue
        severity = "info" if shortcut.family == "name" else _SEVERITY[strength]
        words = "the label is given away" if strength == "given away" else f"a {strength} shortcut"
        evidence = {"roc_auc": shortcut.roc_auc}
        if shortcut.balanced_accuracy is not None:
            evidence["balanced_accuracy"] = shortcut.balanced_accuracy
        title = f"From {FAMILIES[shortcut.family]}: {words}, ROC-AUC {shortcut.roc_auc:.2f}"
        if shortcut.rule is not None:
            evidence["best_rule_balanced_accuracy"] = shortcut.rule.balanced_accuracy
            title += (
                f" ({shortcut.rule.text}: {shortcut.rule.balanced_accuracy:.0%} balanced accuracy)"
            )
        findings.append(
            Finding(
                kind=f"shortcut.{shortcut.family}",
                severity=severity,
                title=title,
                count=shortcut.images,
                rows=shortcut.examples,
                evidence=evidence,
                advice=_ADVICE[shortcut.family],
            )
        )
    return tuple(findings)


def judge_strength(auc: float, p_value: float) -> Strength:
    """Return the word for an out-of-fold ROC-AUC; see ``LIMITS`` and ``SIGNIFICANCE``."""
    if p_value > SIGNIFICANCE:
        return "none"
    return next((strength for least, strength in LIMITS if auc >= least), "none")


def _judge(family: str, facts: Facts, score_fold: ScoreFold, judged: _Judged) -> Shortcut:
    labels = judged.labels
    scores = np.empty(len(labels), dtype=np.float64)
    for fold in range(_FOLDS):
        held_out = judged.folds == fold
        scores[held_out] = score_fold(np.flatnonzero(~held_out), np.flatnonzero(held_out))
    auc = roc_auc(labels, scores)
    p_value = _permutation_p(judged, scores)
    called = scores >= 0.5
    intervals = bootstrap_intervals(
        labels, scores, 0.5, groups=judged.groups, resamples=_RESAMPLES, seed=judged.seed
    )
    strength = judge_strength(auc, p_value)
    return Shortcut(
        family=family,
        title=FAMILIES[family],
        strength=strength,
        note=judged.note,
        images=len(labels),
        roc_auc=auc,
        roc_auc_interval=intervals.get("roc_auc"),
        balanced_accuracy=(
            float(called[labels == 1].mean()) + float(1 - called[labels == 0].mean())
        )
        / 2,
        balanced_accuracy_interval=intervals.get("balanced_accuracy"),
        p_value=p_value,
        features=rank_facts(facts, labels),
        rule=find_rule(facts, labels),
        examples=_surest(judged.paths, labels, scores),
    )


def _count_different(usable: pl.DataFrame, label: Label) -> int:
    alone = pl.coalesce("group", "path")
    return usable.filter(pl.col("label") == label.value).select(alone.n_unique()).item()


def _deal_folds(
    labels: Int[np.ndarray, " n"], groups: Int[np.ndarray, " n"], rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """Return a fold for each row: whole groups, shuffled, dealt out class by class."""
    n_groups = int(groups.max()) + 1
    fakes = np.bincount(groups, weights=labels, minlength=n_groups)
    mostly_fake = fakes * 2 > np.bincount(groups, minlength=n_groups)
    order = np.lexsort((rng.random(n_groups), mostly_fake))
    fold = np.empty(n_groups, dtype=np.int64)
    fold[order] = np.arange(n_groups) % _FOLDS
    return fold[groups]


def _permutation_p(judged: _Judged, scores: Float[np.ndarray, " n"]) -> float:
    """Return the p-value of an AUC above 0.5; see the module's first paragraph."""
    p_values = []
    for fold in range(_FOLDS):
        held_out = judged.folds == fold
        _, number, size = np.unique(
            judged.groups[held_out], return_inverse=True, return_counts=True
        )
        score = np.bincount(number, weights=scores[held_out]) / size
        fake = np.bincount(number, weights=judged.labels[held_out]) / size > 0.5
        if fake.all() or not fake.any():
            p_values.append(1.0)
            continue
        test = stats.mannwhitneyu(score[fake], score[~fake], alternative="greater")
        p_values.append(float(test.pvalue))
    return min(1.0, 5 / 3 * float(np.median(p_values)))


def _surest(
    paths: list[str], labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]
) -> tuple[str, ...]:
    order = np.argsort(scores, kind="stable")
    reals = [paths[row] for row in order if labels[row] == 0][:_EXAMPLES]
    fakes = [paths[row] for row in order[::-1] if labels[row] == 1][:_EXAMPLES]
    return (*fakes, *reals)


def _scorer(
    family: str, facts: Facts, images: pl.DataFrame, labels: Int[np.ndarray, " n"], seed: int
) -> ScoreFold:
    """Return the family's model: trees, on components for pixels, linear on n-grams for names."""
    if family == "name":
        vectorizer = HashingVectorizer(
            analyzer="char_wb", ngram_range=(1, 4), n_features=2**16, alternate_sign=False
        )
        texts = vectorizer.transform(shortcut_facts.name_texts(images))
        model = LogisticRegression(C=10.0, solver="liblinear", random_state=seed)
        return _score_with(model, texts, labels)
    trees = make_trees(seed=seed, pixels=family == "thumbnail")
    return _score_with(trees, rank_missing_lowest(facts.values), labels)


def _score_with(model: Classifier, values: Any, labels: Int[np.ndarray, " n"]) -> ScoreFold:  # noqa: ANN401 - an array or a sparse matrix
    def score_fold(fitted: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        return score_rows(model, values, labels, fitted=fitted, scored=held_out)

    return score_fold
