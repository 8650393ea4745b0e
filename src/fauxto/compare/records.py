"""What a comparison says (``comparison.json``)."""

from fauxto.core.records import Document, Record, Score
from fauxto.core.speed import Speed
from fauxto.metrics.parts import Part
from fauxto.metrics.summary import ByLabel


class Row(Record):
    """One model of the comparison, in the columns of the study's table and a few more."""

    model: str
    rank: int
    """1 and the number of models that are certainly more accurate; equal ranks are ties."""
    architecture: str | None
    """Null, like the five fields below, for scores that another detector made."""
    parameters: int | None
    gflops: float | None
    """10⁹ multiply-adds for one image; null where neither known of the network nor measured."""
    batch_size: int | None
    lr: float | None
    """Learning rate."""
    epochs: int | None
    accuracy: Score
    accuracy_interval: tuple[float, float] | None
    precision: ByLabel
    recall: ByLabel
    f1: ByLabel
    false_negatives: int
    """Fakes called real."""
    false_positives: int
    """Reals called fake."""
    roc_auc: Score | None
    roc_auc_interval: tuple[float, float] | None
    threshold: Score
    seen: Part | None
    """Images whose source and generator, where known, occur in the model's training; null where
    that is not known or there are none."""
    unseen: Part | None
    """The other images: what the model is worth on pictures from elsewhere."""
    weights_bytes: int | None
    speed: Speed | None
    """Null where ``fauxto speed`` has not measured it."""


class Pair(Record):
    """Two models on the same images; differences are the first less the second."""

    first: str
    second: str
    accuracy_difference: float
    accuracy_difference_interval: tuple[float, float] | None
    """Paired bootstrap over groups."""
    only_first_right: int
    only_second_right: int
    p_mcnemar: Score
    """Exact; images are taken as independent."""
    p_mcnemar_holm: Score
    """Adjusted for all pairs."""
    more_images: int | None
    """Further images with which the difference seen here would be found in 4 of 5 cases, at the
    level that is left of 5 % for each pair, and grouped as these images are."""
    auc_difference: float | None
    auc_difference_interval: tuple[float, float] | None
    p_delong: Score | None
    p_delong_holm: Score | None
    auc_differ: bool
    """DeLong's test, adjusted, below 5 %, and the interval over groups without 0."""
    agreement: Score
    """Share of images with the same verdict."""
    both_wrong: int
    differ: bool
    """McNemar's test, adjusted, below 5 %, and the interval of the difference without 0."""
    sentence: str
    """What follows for accuracy."""
    auc_sentence: str | None
    """What follows for ROC-AUC; null with images of one class."""


class Average(Record):
    """The mean score of some models; models and threshold are chosen on validation images."""

    models: tuple[str, ...]
    """The two or more whose mean has the lowest log loss on validation, found step by step."""
    single: str
    """The model with the lowest log loss on validation."""
    threshold: Score
    val_log_loss: float
    """Of the mean."""
    val_log_loss_single: float
    val_accuracy: Score
    """Of the mean, on the validation images that chose its threshold."""
    accuracy: Score
    """On the compared images."""
    roc_auc: Score | None
    false_negatives: int
    false_positives: int
    against_single: Pair
    """The mean and the best single model on the compared images."""
    sentence: str


class Comparison(Document):
    """Models evaluated on the same images."""

    split: str
    split_method: str
    data: str
    """Digest of the images."""
    n: int
    n_real: int
    n_fake: int
    n_groups: int
    rows: tuple[Row, ...]
    """By rank, then accuracy."""
    pairs: tuple[Pair, ...]
    all_right: int
    """Images that every model has right."""
    all_wrong: int
    """Images that no model has right."""
    shortcut: str | None = None
    """Which baseline, without the pictures' detail, does as well as which models, in a sentence;
    null where none does or none was measured."""
    average: Average | None
    """Null where runs have no common validation scores."""
    summary: str
    """The result in a sentence or two."""
    elsewhere: str
    """How the models fare on what they were not trained on, in a sentence."""
