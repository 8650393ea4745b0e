"""The reader's list of authorities whose Content Credentials are trusted."""

from pathlib import Path

from fauxto.core.errors import RecipeError


def read_trust_anchors(path: Path) -> str:
    """Return a file of certificates in PEM.

    Raises:
        RecipeError: it cannot be read, or holds no certificate.
    """
    try:
        text = path.read_text("ascii")
    except (OSError, ValueError) as error:
        raise RecipeError(f"the trust list {path} cannot be read: {error}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise RecipeError(f"the trust list {path} holds no certificate in PEM")
    return text
