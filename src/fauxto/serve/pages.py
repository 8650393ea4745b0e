"""The pages: rendered here, with one script and no other place they load from."""

import hashlib
import ipaddress
from importlib.resources import files
from importlib.util import find_spec
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from fauxto.core.records import Policy
from fauxto.metrics.threshold import unsure_between
from fauxto.report.page import render_page
from fauxto.serve.api import service_of
from fauxto.serve.examine import Options
from fauxto.serve.guard import REPORT_POLICY
from fauxto.serve.present import CHANGE_WORDS, POLICY_WORDS, view_result
from fauxto.serve.problems import PROBLEMS, ProblemError
from fauxto.serve.reports import MAX_REPORTS, SERVED_TYPES, find_file, list_reports
from fauxto.serve.schemas import ExplanationForm, Result
from fauxto.serve.settings import MEBIBYTE

router = APIRouter(include_in_schema=False)

_STATIC: Final = {
    "page.css": "text/css; charset=utf-8",
    "serve.css": "text/css; charset=utf-8",
    "serve.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FILES: Final = {"icon.svg": "serve_icon.svg"}
_CONTENT: Final = {
    name: (files("fauxto.report") / "templates" / _FILES.get(name, name)).read_bytes()
    for name in _STATIC
}
_VERSION: Final = hashlib.sha256(b"".join(_CONTENT.values())).hexdigest()[:8]
_HEIF: Final = find_spec("pillow_heif") is not None
_ACCEPT: Final = "image/*,.heic,.heif,.avif,.tif,.tiff"


def _render(request: Request, template: str, here: str, title: str, **context: Any) -> HTMLResponse:  # noqa: ANN401 - template variables
    card = service_of(request).examiner.scorer.card
    depth = request.scope["path"].removeprefix(request.scope.get("root_path", "")).count("/") - 1
    page = render_page(
        template,
        here=here,
        title=title,
        base="../" * depth,
        version=_VERSION,
        model=card.name,
        policy_words=POLICY_WORDS,
        **context,
    )
    return HTMLResponse(page)


def _pictures_page(
    request: Request, results: list[Result], failure: str, *, status: int = 200
) -> HTMLResponse:
    service = service_of(request)
    card = service.examiner.scorer.card
    limits = service.settings.limits
    response = _render(
        request,
        "serve.html",
        "Pictures",
        "Real, or made by AI?",
        privacy=_privacy(request),
        results=[view_result(result) for result in results],
        failure=failure,
        max_bytes=limits.max_file_bytes,
        max_mb=limits.max_file_bytes // MEBIBYTE,
        max_files=limits.max_files,
        accept=_ACCEPT,
        heif=_HEIF,
        own_policy=service.examiner.detector(None).policy,
        policies=[point.policy for point in card.operating_points],
        limits=card.limits,
    )
    response.status_code = status
    return response


def _privacy(request: Request) -> str:
    try:
        local = ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        local = False
    if local:
        return (
            "Nothing leaves this machine and nothing is kept: pictures are looked at in memory and "
            "forgotten."
        )
    return (
        f"Pictures go to {request.url.hostname} and nowhere else, and nothing is kept: they are "
        "looked at in memory and forgotten."
    )


@router.get("/")
async def pictures(request: Request) -> HTMLResponse:
    """Show the page on which pictures are dropped."""
    return _pictures_page(request, [], "")


@router.post("/look")
async def look(
    request: Request,
    policy: Annotated[Policy | None, Query()] = None,
    stability: Annotated[bool, Query()] = False,  # noqa: FBT002 - FastAPI passes it by name
    explanation: Annotated[ExplanationForm, Query()] = ExplanationForm.NONE,
    part: Annotated[str, Query(max_length=10)] = "page",
) -> HTMLResponse:
    """Look at pictures; answer with the results alone for the script, else with the whole page."""
    options = Options(policy, stability, explanation, preview=True)
    service = service_of(request)
    if part == "result":
        results = await service.look(request, options)
        if results[0].problem is not None:
            raise ProblemError(results[0].problem.code, results[0].problem.detail)
        return _render(
            request,
            "serve_result.html",
            "",
            "",
            result=view_result(results[0]),
            limits=service.examiner.scorer.card.limits,
        )
    try:
        results = await service.look(request, options)
    except ProblemError as problem:
        failure = f"{problem.kind.title}: {problem.detail}."
        return _pictures_page(request, [], failure, status=problem.kind.status)
    return _pictures_page(request, results, "")


def problem_page(request: Request, problem: ProblemError) -> HTMLResponse:
    """Return a problem for a reader: what it is, and the way home."""
    response = _render(request, "serve_problem.html", "", problem.kind.title, problem=problem)
    response.status_code = problem.kind.status
    response.headers.update(problem.headers())
    return response


@router.get("/how")
async def how(request: Request) -> HTMLResponse:
    """Explain verdicts, limits, privacy and the API."""
    detector = service_of(request).examiner.detector(None)
    card = detector.scorer.card
    counts = card.data.counts.get("val")
    return _render(
        request,
        "serve_how.html",
        "How it works",
        "How it works",
        card=card,
        detector=detector,
        band=unsure_between(detector.threshold, card.unsure_band),
        points=card.operating_points,
        validation=f"{counts.real + counts.fake:,}" if counts else "the",
        limits=card.limits,
        changes=[CHANGE_WORDS[change] for change in card.mild_reencodings],
        origin=str(request.base_url),
        problems=sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0])),
    )


@router.get("/reports")
async def reports_without_slash() -> RedirectResponse:
    """Lead to the list, so that relative addresses work."""
    return RedirectResponse("reports/")


@router.get("/reports/")
async def reports(request: Request) -> HTMLResponse:
    """List the reports that were found."""
    root = service_of(request).settings.reports
    found = [] if root is None else await run_in_threadpool(list_reports, root)
    return _render(
        request,
        "serve_reports.html",
        "Reports",
        "Reports",
        shown=root is not None,
        reports=found,
        more=len(found) == MAX_REPORTS,
    )


@router.get("/reports/{path:path}")
async def report_file(request: Request, path: str) -> Response:
    """Send a page or figure of a report."""
    root = service_of(request).settings.reports
    found = None if root is None else await run_in_threadpool(find_file, root, path)
    if found is None:
        raise ProblemError("not_found", "no such report")
    return FileResponse(
        found,
        media_type=SERVED_TYPES[found.suffix.lower()],
        headers={"Content-Security-Policy": REPORT_POLICY},
    )


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """Send the style sheets, the script and the icon."""
    if name not in _STATIC:
        raise ProblemError("not_found", "no such file")
    return Response(
        _CONTENT[name],
        media_type=_STATIC[name],
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
