"""Errors over HTTP as problem details (RFC 9457), whoever raised them."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from schemas.problems import Problem
from services.intake.database import Unreachable

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2

log = logging.getLogger(__name__)


class HttpProblem(Exception):
    """An answer other than the one that was asked for.

    `detail` says what was wrong and what to do; `members` are extension members of the problem.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members or {}


class TryAgain(HttpProblem):
    """Not now: the same request may be sent again after `Retry-After`."""

    def __init__(self, detail: str, status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        super().__init__(status, detail, {"Retry-After": str(RETRY_SECONDS)})


def problem_response(problem: HttpProblem) -> Response:
    """The problem as an answer. The type is `about:blank`: the status says what sort of problem it is."""
    body = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.members,
    }
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, problem.status, problem.headers, MEDIA_TYPE)


def parameter_problem(problems: Sequence[Problem]) -> HttpProblem:
    """Everything that is wrong with the parameters of a request, at once."""
    return HttpProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "; ".join(f"{problem.field}: {problem.problem}" for problem in problems),
        members={"errors": [problem.as_dict() for problem in problems]},
    )


def install(app: FastAPI) -> None:
    """Make every error of an application a problem, those of the framework too."""

    @app.exception_handler(HttpProblem)
    async def ours(_request: Request, problem: HttpProblem) -> Response:
        return problem_response(problem)

    @app.exception_handler(Unreachable)
    async def database_away(_request: Request, _error: Unreachable) -> Response:
        return problem_response(TryAgain("the database cannot be reached now; send the same again"))

    @app.exception_handler(ClientDisconnect)
    async def nobody_listens(_request: Request, _error: ClientDisconnect) -> Response:
        return problem_response(HttpProblem(HTTPStatus.BAD_REQUEST, "the body ended too early"))

    @app.exception_handler(RequestValidationError)
    async def wrong_parameters(_request: Request, error: RequestValidationError) -> Response:
        return problem_response(parameter_problem([_problem(item) for item in error.errors()]))

    @app.exception_handler(HTTPException)
    async def of_the_framework(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        detail = error.detail
        if status == HTTPStatus.NOT_FOUND:
            detail = f"there is nothing at {request.url.path}; /docs shows what there is"
        elif status == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "another method")
            detail = f"{request.method} is not possible here; allowed: {allowed}"
        return problem_response(HttpProblem(status, detail, error.headers))

    @app.exception_handler(Exception)
    async def fault_of_ours(_request: Request, _error: Exception) -> Response:
        return problem_response(
            HttpProblem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of ours; the log of the door has it")
        )


def _problem(item: Mapping[str, Any]) -> Problem:
    field = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
    if item["type"] == "missing":
        return Problem(field, "is missing")
    allowed = (item.get("ctx") or {}).get("expected")
    return Problem(field, item["msg"], allowed)
