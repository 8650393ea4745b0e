"""Errors whose message is written for the user.

::

    FauxtoError                  the message says what was asked, what was found, what to do next
    ├── DataError(ValueError)        a folder or table of images cannot be understood
    ├── RecipeError(ValueError)      a recipe, config or option is not valid
    ├── ArtifactError(OSError)       a result is missing, damaged, newer or in the way
    │   └── OtherResult                  a folder holds a result of other arguments or data
    ├── WeightsError(OSError)        asked weights cannot be had or do not fit
    ├── MissingExtra(ImportError)    an optional part of fauxto is not installed
    └── UnreadableImage(OSError)     one image cannot be used; carries its status

The command line prints the message as one line and exits with 1. One bad image among many is
never raised past its row: it becomes the row's ``status`` and ``error``.
"""

from enum import StrEnum


class FauxtoError(Exception):
    """Base of all errors that are for the user to read."""


class DataError(FauxtoError, ValueError):
    """A folder or table of images cannot be understood."""


class RecipeError(FauxtoError, ValueError):
    """A recipe, configuration or option is not valid."""


class ArtifactError(FauxtoError, OSError):
    """A result folder or file is missing, damaged, from a newer version, or in the way."""


class OtherResult(ArtifactError):  # noqa: N818 - reads as what it is
    """A folder holds a result of the same kind, but of other arguments or data."""


class WeightsError(FauxtoError, OSError):
    """Asked weights cannot be had, or do not fit the network."""


class MissingExtra(FauxtoError, ImportError):  # noqa: N818 - reads as what it is
    """An optional part of fauxto is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional part that is not installed: pip install 'fauxto[{extra}]'"
        )
        self.extra = extra


class ImageStatus(StrEnum):
    """What became of a file; every status but ``ok`` comes with an error text."""

    OK = "ok"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    UNREADABLE = "unreadable"


class UnreadableImage(FauxtoError, OSError):  # noqa: N818 - reads as what it is
    """One image cannot be used.

    Attributes:
        status: which kind of failure, never ``ok``.
    """

    def __init__(self, status: ImageStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
