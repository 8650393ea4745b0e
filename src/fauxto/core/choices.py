"""Closed choices that flags, recipes and records share; light, so that ``--help`` is quick."""

from enum import StrEnum
from typing import Final


class Fit(StrEnum):
    """How an image of any shape becomes a square of ``size_px``."""

    SQUASH = "squash"
    """Both sides are scaled to the size; the aspect ratio is lost (the report's way)."""
    CROP = "crop"
    """The short side is scaled to the size, then the centre is cut out."""
    PAD = "pad"
    """The long side is scaled to the size, then the rest is filled with grey."""
    NATIVE_CROP = "native-crop"
    """The centre is cut out without scaling; smaller images are enlarged first."""


class Resample(StrEnum):
    """How pixels are computed when an image is scaled."""

    EXACT = "exact"
    """Pillow's LANCZOS on the fully decoded image."""
    FAST = "fast"
    """Reduced by a power of two first, by the decoder (JPEG) or by box means, then LANCZOS."""


class Policy(StrEnum):
    """Rule by which a threshold is chosen on validation rows, never on test rows."""

    ARGMAX = "argmax"
    """Score 0.5: the larger logit wins (the report's way)."""
    BALANCED = "balanced"
    """Highest balanced accuracy."""
    FPR_1 = "fpr-1%"
    """At most 1 % of real images called fake."""
    FPR_5 = "fpr-5%"
    """At most 5 % of real images called fake."""
    COST = "cost"
    """Least cost where a missed fake costs ``cost_ratio`` times a false alarm."""


DEFAULT_COST_RATIO: Final = 5.0
"""What a missed fake costs by ``Policy.COST`` unless told otherwise, in false alarms."""


class SplitMethod(StrEnum):
    """How training, validation and test are parted."""

    GIVEN = "given"
    """The data's own train and test; validation is drawn from train by group."""
    RANDOM = "random"
    """Single images, as the report's validation split; near duplicates may be parted."""
    GROUPED = "grouped"
    """Groups of near duplicates stay on one side."""
    GENERATOR_HELD_OUT = "generator-held-out"
    """Named generators occur in test only."""
    SOURCE_HELD_OUT = "source-held-out"
    """Named sources occur in test only."""


class HeldOutBy(StrEnum):
    """What ``held-out`` withholds from training, one value after another."""

    GENERATOR = "generator"
    SOURCE = "source"


class Match(StrEnum):
    """A shortcut that ``prepare`` takes away."""

    GEOMETRY = "geometry"
    """Both classes are drawn in the same original sizes and shapes; the rest is left out."""
    CONTAINER = "container"
    """Both classes are compressed as JPEG alike before they are stored."""


class Reencoding(StrEnum):
    """A mild change that pictures meet on their way and that should not change a verdict."""

    JPEG_90 = "jpeg-90"
    """Written as JPEG at quality 90."""
    JPEG_75 = "jpeg-75"
    """Written as JPEG at quality 75."""
    WEBP_80 = "webp-80"
    """Written as WebP at quality 80."""
    SCALE_90 = "scale-90%"
    """Scaled to 90 % of width and height."""


class LoggerName(StrEnum):
    """Where each epoch's numbers go besides ``history.csv``."""

    NONE = "none"
    """Nowhere else."""
    TENSORBOARD = "tensorboard"
    """Event files in RUN/tensorboard."""
    MLFLOW = "mlflow"
    """The server or folder of ``MLFLOW_TRACKING_URI``, else RUN/mlflow.db."""


PART_ROWS: Final = 1024
"""Rows of a part: half a minute's work or less, and a file of a megabyte or less."""


class EngineName(StrEnum):
    """Who spreads the work."""

    LOCAL = "local"
    """Processes on this machine."""
    RAY = "ray"
    """A Ray cluster, or one started on this machine."""
