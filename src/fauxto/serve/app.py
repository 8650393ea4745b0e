"""The application: model, decoding processes and routes put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fauxto import __version__
from fauxto.models.scorer import Scorer
from fauxto.serve import api, pages
from fauxto.serve.examine import Examiner
from fauxto.serve.guard import Guard, problem_response
from fauxto.serve.problems import ProblemError
from fauxto.serve.service import Service
from fauxto.serve.settings import ServeSettings
from fauxto.serve.telemetry import Telemetry

_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}


def create_app(scorer: Scorer, settings: ServeSettings | None = None) -> FastAPI:
    """Return the application.

    Args:
        scorer: the model that answers.
        settings: limits, access and reports; default for one user on this machine.
    """
    settings = settings or ServeSettings()
    telemetry = Telemetry()
    service = Service(Examiner(scorer, settings), settings, telemetry)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="fauxto",
        version=__version__,
        summary="Is this picture real, or made by AI? Evidence, not proof.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses={},
    )
    app.state.service = service
    app.include_router(api.router)
    app.include_router(pages.router)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Guard, settings=settings, telemetry=telemetry)
    return app


async def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    request.app.state.service.telemetry.problems.labels(error.code).inc()
    if "text/html" in request.headers.get("accept", ""):  # browsers name it, programs do not
        return pages.problem_page(request, error)
    return problem_response(error)


async def _http_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = _OF_STATUS.get(error.status_code, "bad_request")
    response = await _problem(request, ProblemError(code, str(error.detail)))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()
    )
    return await _problem(request, ProblemError("invalid_option", found))
