"""Content Credentials: C2PA manifests, validated without a network by the optional c2pa library."""

import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from fauxto.core.provenance import Claim, Forgery, ProvenanceKind, Statement, Strength
from fauxto.provenance.parts import Part
from fauxto.provenance.source_types import CLAIMS, shorten_type
from fauxto.provenance.words import clean, clean_details

logger = logging.getLogger(__name__)

NOT_INSTALLED: Final = (
    "Content Credentials are there and were not read: pip install 'fauxto[c2pa]' validates them"
)
_MEDIA_TYPES: Final = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif",
    "TIFF": "image/tiff", "AVIF": "image/avif", "HEIF": "image/heif",
}  # fmt: skip
_VALID, _TRUSTED = "Valid", "Trusted"
_MAX_MANIFESTS, _MAX_ACTIONS = 50, 100


@dataclass(frozen=True)
class _Origin:
    """What the actions of one or more manifests amount to."""

    claim: Claim
    actions: tuple[str, ...]
    agents: tuple[str, ...]
    source_types: tuple[str, ...]


def read_credentials(
    content: bytes, image_format: str, part: Part, trust_anchors: str | None = None
) -> Statement:
    """Return what a file's Content Credentials say, and whether they hold.

    Signature and hashes are checked. Nothing is fetched from a network.

    Args:
        content: the whole file.
        image_format: its format, by content.
        part: where its store of credentials begins.
        trust_anchors: certificates (PEM) of authorities whose signers are trusted; without them
            a signature shows that nothing was changed, and not who signed.
    """
    library = load_library()
    if library is None:
        words = "there are Content Credentials, not read"
        return _statement(part, words, Claim.OTHER, Forgery.UNKNOWN)
    try:
        store = _open_store(library, content, _MEDIA_TYPES[image_format], trust_anchors)
    except ValueError as error:
        return _statement(
            part, f"Content Credentials that cannot be read ({error})", Claim.OTHER, Forgery.BROKEN
        )
    return _describe(store, part)


def load_library() -> Any:  # noqa: ANN401 - a module without types
    """Return the c2pa library, or None where it is not installed or does not work.

    It is large, and so loaded for the first file that has credentials.
    """
    try:
        return import_module("c2pa")
    except (ImportError, OSError, RuntimeError):
        logger.debug("the c2pa library cannot be loaded", exc_info=True)
        return None


def _open_store(
    c2pa: Any,  # noqa: ANN401 - a module without types
    content: bytes,
    media_type: str,
    trust_anchors: str | None,
) -> dict[str, Any]:
    """Return the library's report on a file.

    Raises:
        ValueError: the library cannot read the store; in a few words.
    """
    verify = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False}
    settings: dict[str, Any] = {"verify": verify}
    if trust_anchors is not None:
        verify["verify_trust"] = True
        settings["trust"] = {"trust_anchors": trust_anchors}
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(media_type, io.BytesIO(content), context=context) as reader,
        ):
            store = json.loads(reader.json())
    except c2pa.C2paError as error:
        logger.debug("credentials cannot be read", exc_info=True)
        raise ValueError(clean(str(error), 100)) from error
    if not isinstance(store, dict):
        raise ValueError("the report is no object")  # noqa: TRY004 - of the file, not of a caller
    return store


def _describe(store: Mapping[str, Any], part: Part) -> Statement:
    manifests = _dicts(store.get("manifests"))
    active = manifests.get(str(store.get("active_manifest")), {})
    origin = _judge(manifests, str(store.get("active_manifest")))
    signature = _dict(active.get("signature_info"))
    signer = clean(
        str(signature.get("issuer") or signature.get("common_name") or "nobody named"), 80
    )
    state = str(store.get("validation_state"))
    intact = state in (_VALID, _TRUSTED)
    reason = _first_failure(store)
    words = {Claim.AI: "made by AI", Claim.AI_EDIT: "edited with AI", Claim.CAMERA: "from a camera"}
    what = f"Content Credentials of '{signer}'"
    what += ", intact" if intact else f" that do not hold ({reason or state})"
    if origin.claim in words:
        what += f": {words[origin.claim]}"
    details = {
        "signer": signature.get("common_name"),
        "organisation": signature.get("issuer"),
        "signed": signature.get("time"),
        "validation": state,
        "failure": reason,
        "written by": ", ".join(_names(active)),
        "actions": ", ".join(origin.actions),
        "software": ", ".join(origin.agents),
        "source type": ", ".join(origin.source_types),
        "manifests": len(manifests),
    }
    forgery = {_TRUSTED: Forgery.TRUSTED, _VALID: Forgery.SIGNED}.get(state, Forgery.BROKEN)
    return _statement(part, what, origin.claim, forgery, details)


def _statement(
    part: Part,
    what: str,
    claim: Claim,
    forgery: Forgery,
    details: Mapping[str, object] | None = None,
) -> Statement:
    strength = {Forgery.TRUSTED: Strength.STRONG, Forgery.SIGNED: Strength.MEDIUM}
    return Statement(
        kind=ProvenanceKind.CONTENT_CREDENTIALS,
        claim=claim,
        what=what,
        where=part.where,
        offset=part.offset,
        strength=strength.get(forgery, Strength.WEAK),
        forgery=forgery,
        details=clean_details(details or {}),
    )


def _judge(manifests: Mapping[str, Mapping[str, Any]], active: str) -> _Origin:
    """Return what a store amounts to: the active manifest and the pictures it was made from.

    What a parent is, the picture is too; what any other ingredient is, only a part of it.
    """
    parents = _parents_of(manifests, active)
    line = [manifest for name, manifest in manifests.items() if name in parents]
    rest = [manifest for name, manifest in manifests.items() if name not in parents]
    own, others = list(_actions(line)), list(_actions(rest))
    types = _source_types(own)
    claims = [CLAIMS[kind] for kind in types if kind in CLAIMS]
    borrowed = [CLAIMS[kind] for kind in _source_types(others) if kind in CLAIMS]
    if any(claim in (Claim.AI, Claim.AI_EDIT) for claim in borrowed):
        claims.append(Claim.AI_EDIT)
    strongest = next(
        (claim for claim in (Claim.AI, Claim.AI_EDIT, Claim.EDIT, Claim.CAMERA) if claim in claims),
        Claim.OTHER,
    )
    return _Origin(
        strongest,
        _unique(str(action.get("action", "")).removeprefix("c2pa.") for action in own),
        _unique(_name_agent(action.get("softwareAgent")) for action in own),
        tuple(types),
    )


def _parents_of(manifests: Mapping[str, Mapping[str, Any]], active: str) -> set[str]:
    """Return the names of a manifest, its parent, the parent's parent, and so on."""
    line: set[str] = set()
    name = active
    while name in manifests and name not in line and len(line) < _MAX_MANIFESTS:
        line.add(name)
        parents = (
            str(ingredient.get("active_manifest"))
            for ingredient in _list(manifests[name].get("ingredients"))
            if _dict(ingredient).get("relationship") == "parentOf"
        )
        name = next(parents, "")
    return line


def _actions(manifests: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    left = _MAX_ACTIONS
    for manifest in manifests[:_MAX_MANIFESTS]:
        for assertion in map(_dict, _list(manifest.get("assertions"))):
            if str(assertion.get("label")).startswith("c2pa.actions"):
                for action in map(_dict, _list(_dict(assertion.get("data")).get("actions"))[:left]):
                    left -= 1
                    yield action


def _source_types(actions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return _unique(
        shorten_type(kind)
        for action in actions
        if isinstance(kind := action.get("digitalSourceType"), str)
    )


def _names(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    infos = map(_dict, _list(manifest.get("claim_generator_info")))
    return _unique([*map(_name_agent, infos), str(manifest.get("claim_generator") or "")])


def _name_agent(agent: object) -> str:
    if isinstance(agent, str):
        return agent
    known = _dict(agent)
    return " ".join(str(known[key]) for key in ("name", "version") if known.get(key))


def _first_failure(store: Mapping[str, Any]) -> str:
    """Return in words why validation failed, empty where it did not."""
    active = _dict(_dict(store.get("validation_results")).get("activeManifest"))
    failures = [*_list(active.get("failure")), *_list(store.get("validation_status"))]
    return next((clean(str(_dict(failure).get("code")), 80) for failure in failures), "")


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean(text, 80) for text in texts if text))[:10]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in _dict(value).items() if isinstance(one, dict)}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
