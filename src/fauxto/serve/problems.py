"""Problem details (RFC 9457): every error a client may see, with one code each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from fauxto.core.errors import ImageStatus

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1
"""What ``Retry-After`` says when a queue is full; a full queue is worked off in about that time."""


@dataclass(frozen=True)
class ProblemKind:
    """One kind of problem: its HTTP status and its name."""

    status: int
    title: str


PROBLEMS: Final[Mapping[str, ProblemKind]] = {
    "bad_request": ProblemKind(400, "The request cannot be understood"),
    "bad_multipart": ProblemKind(400, "The multipart body is malformed"),
    "no_picture": ProblemKind(400, "The request holds no picture"),
    "key_needed": ProblemKind(401, "A valid API key is needed"),
    "cross_site": ProblemKind(403, "Pages of other sites may not use this server"),
    "not_found": ProblemKind(404, "There is nothing at this address"),
    "method_not_allowed": ProblemKind(405, "This address does not take this method"),
    "upload_too_slow": ProblemKind(408, "The upload took too long"),
    "request_too_large": ProblemKind(413, "The request has too many bytes"),
    "file_too_large": ProblemKind(413, "The picture has too many bytes"),
    "too_many_files": ProblemKind(413, "The request holds too many pictures"),
    "unsupported_body": ProblemKind(415, "The body is neither multipart nor a picture"),
    "not_an_image": ProblemKind(415, "The content is not a picture"),
    "unsupported_format": ProblemKind(415, "Pictures of this format are not opened"),
    "wrong_host": ProblemKind(421, "The server is not known by this name"),
    "invalid_option": ProblemKind(422, "An option is not valid"),
    "empty_file": ProblemKind(422, "The file is empty"),
    "too_many_pixels": ProblemKind(422, "The picture has too many pixels"),
    "truncated_image": ProblemKind(422, "The picture ends early"),
    "undecodable_image": ProblemKind(422, "The picture is damaged"),
    "too_much_memory": ProblemKind(422, "The picture needs too much memory"),
    "too_much_time": ProblemKind(422, "The picture takes too long to decode"),
    "decoder_crashed": ProblemKind(422, "The decoder crashed on the picture"),
    "too_many_requests": ProblemKind(429, "This client sends too many pictures"),
    "internal_error": ProblemKind(500, "The server made a mistake"),
    "busy": ProblemKind(503, "The server is busy"),
    "worker_lost": ProblemKind(503, "The process that held the picture was stopped"),
    "not_ready": ProblemKind(503, "The server is starting or stopping"),
}
"""Every problem by its code."""

OF_STATUS: Final = {
    ImageStatus.NOT_AN_IMAGE: "not_an_image",
    ImageStatus.UNSUPPORTED: "unsupported_format",
    ImageStatus.EMPTY: "empty_file",
    ImageStatus.TRUNCATED: "truncated_image",
    ImageStatus.UNDECODABLE: "undecodable_image",
    ImageStatus.UNREADABLE: "undecodable_image",
    ImageStatus.TOO_LARGE: "too_many_pixels",
}


class ProblemDetail(BaseModel):
    """What is sent when something cannot be done (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = Field(examples=["/how#not_an_image"])
    """Address of the explanation."""
    title: str = Field(examples=["The content is not a picture"])
    """The kind of problem in words."""
    status: int = Field(examples=[415])
    """The HTTP status."""
    code: str = Field(examples=["not_an_image"])
    """The kind of problem for programs."""
    detail: str = Field(examples=["the bytes begin like no known picture format"])
    """What was found this time."""


class ProblemError(Exception):
    """Something a client asked for cannot be done.

    Attributes:
        code: key of ``PROBLEMS``.
        detail: what was found, in words that hold no file name.
        retry_after_s: when to try again; None if trying again does not help.
    """

    def __init__(self, code: str, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.kind = PROBLEMS[code]
        if self.kind.status == 503 and retry_after_s is None:
            retry_after_s = RETRY_AFTER_S
        self.retry_after_s = retry_after_s

    def body(self) -> ProblemDetail:
        """Return the document to send."""
        return ProblemDetail(
            type=f"/how#{self.code}",
            title=self.kind.title,
            status=self.kind.status,
            code=self.code,
            detail=self.detail,
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that belong to the problem."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        if self.kind.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="fauxto: the key is the password"'
        return headers


def unreadable_problem(status: ImageStatus, message: str, *, out_of_memory: bool) -> ProblemError:
    """Return the problem for a picture that cannot be used.

    Args:
        status: what became of it; ``too_large`` stands for memory as well as for pixels.
        message: what was found.
        out_of_memory: whether memory was what ran out.
    """
    return ProblemError("too_much_memory" if out_of_memory else OF_STATUS[status], message)


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the problems that a route may answer with."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        status: {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in found),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetail"}}},
        }
        for status, found in sorted(by_status.items())
    }
