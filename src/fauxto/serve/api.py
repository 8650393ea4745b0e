"""The HTTP API: thin routes between the schemas and the service."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from fauxto.core.choices import Policy
from fauxto.core.records import ModelCard
from fauxto.serve import examples
from fauxto.serve.examine import Options
from fauxto.serve.problems import ProblemError, problem_responses
from fauxto.serve.schemas import Answer, ExplanationForm, Health
from fauxto.serve.service import Service

router = APIRouter()

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "image/*"},
                            "description": "One or more pictures; the part's name does not matter.",
                        }
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Of each picture, in the order sent.",
        "content": {
            "application/json": {
                "examples": {"one": {"summary": "One picture", "value": examples.ANSWER}}
            }
        },
    }
}
_PROBLEMS: Final = problem_responses(
    "bad_multipart", "no_picture", "key_needed", "cross_site", "upload_too_slow",
    "request_too_large", "file_too_large", "too_many_files", "unsupported_body", "not_an_image",
    "unsupported_format", "wrong_host", "invalid_option", "empty_file", "too_many_pixels",
    "truncated_image", "undecodable_image", "too_much_memory", "too_much_time", "decoder_crashed",
    "too_many_requests", "busy", "worker_lost", "not_ready",
)  # fmt: skip


def service_of(request: Request) -> Service:
    """Return the server's state."""
    service: Service = request.app.state.service
    return service


@router.post(
    "/v1/predict",
    summary="Look at pictures",
    openapi_extra=_BODY,
    responses={**_RESPONSES, **_PROBLEMS},
)
async def predict(
    request: Request,
    policy: Annotated[Policy | None, Query(description="Rule whose threshold to use.")] = None,
    stability: Annotated[  # noqa: FBT002 - FastAPI passes it by name
        bool, Query(description="Look at the card's mild re-encodings too.")
    ] = False,
    explanation: Annotated[
        ExplanationForm, Query(description="How to send a heat map.")
    ] = ExplanationForm.NONE,
) -> Answer:
    """Say of each picture whether it is real or made by AI.

    Of a single picture that cannot be used, the answer is its problem. Of several, each has its
    own result, in the order sent, and the status is 200.
    """
    options = Options(policy, stability, explanation)
    results = await service_of(request).look(request, options)
    if len(results) == 1 and results[0].problem is not None:
        problem = results[0].problem
        raise ProblemError(problem.code, problem.detail)
    return Answer(results=tuple(results))


@router.get("/v1/model", summary="The model's card", responses=problem_responses("key_needed"))
async def model(request: Request) -> ModelCard:
    """Return what the model is, how it was made, and its known limits."""
    return service_of(request).examiner.scorer.card


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Health:
    """Answer as long as the process lives."""
    return Health(status="ok")


@router.get(
    "/readyz",
    summary="Whether pictures can be looked at",
    responses={503: {"model": Health, "description": "Starting, stopping or full."}},
)
async def readyz(request: Request, response: Response) -> Health:
    """Answer 200 when the model is loaded and decoding processes run."""
    service = service_of(request)
    if not service.ready:
        response.status_code = 503
        return Health(status="not ready")
    return Health(status="ok")


@router.get("/metrics", summary="Counters for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return the counters as text."""
    text = generate_latest(service_of(request).telemetry.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
