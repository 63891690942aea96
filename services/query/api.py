"""What may be read over HTTP: totals, targets, publications, explanations, factors, events and so on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, FastAPI, Request, Response

from schemas.json_text import write_json
from schemas.problems import Problem
from services.intake.authentication import authenticated
from services.intake.database import Database
from services.intake.openapi import PROBLEMS
from services.intake.problem_details import HttpProblem, parameter_problem
from services.query import (
    audit,
    events,
    explain,
    factors,
    flags,
    publications,
    rejects,
    restatements,
    targets,
    totals,
)
from services.query.openapi import CHANGE, FACTOR, FLAG, MEASUREMENT, REJECT, TARGET, TOTAL, reading_call
from services.query.openapi_explain import EXPLANATION, READING
from services.query.openapi_published import PUBLICATION, RESTATEMENT
from services.query.parameters import InvalidParameters, Pairs
from services.query.sight import NotYours, Sight
from services.store.flags import confirm_flags, read_flags
from services.store.snapshot import LONGEST_SECONDS
from services.store.tokens import Token

# Several statements, and a wait for the connection.
CALL_SECONDS = 2.0 * LONGEST_SECONDS

Answering = Callable[[psycopg.AsyncConnection, Pairs], Awaitable[dict[str, Any]]]
Reading = Annotated[Token, Depends(authenticated)]


@asynccontextmanager
async def _connections(app: FastAPI) -> AsyncIterator[None]:
    """Connections of our own: however heavy the questions, the door keeps its own for posts."""
    app.state.reading = Database(app.state.door.database.dsn)
    try:
        yield
    finally:
        await app.state.reading.close()


router = APIRouter(prefix="/v1", responses=PROBLEMS, lifespan=_connections)


@router.get(
    "/totals",
    summary="Totals",
    response_class=Response,
    openapi_extra=reading_call(totals.PARAMETERS, TOTAL),
    dependencies=[Depends(authenticated)],
)
async def get_totals(request: Request) -> Response:
    """Exact sums, with the CO2e that they stand for. Every token may read them."""
    return await _answer(request, totals.totals_answer)


@router.get(
    "/targets",
    summary="How the targets stand",
    response_class=Response,
    openapi_extra=reading_call(targets.PARAMETERS, TARGET),
    dependencies=[Depends(authenticated)],
)
async def get_targets(request: Request) -> Response:
    """A row for each target in force, by theme: how far it is, and why. Every token may read them."""
    return await _answer(request, targets.targets_answer)


@router.get(
    "/explain",
    summary="Where a number comes from",
    response_class=Response,
    openapi_extra=reading_call(explain.PARAMETERS, READING, EXPLANATION),
)
async def get_explanation(request: Request, reading: Reading) -> Response:
    """A total or a target back to its readings, factors, boundary, splits and roundings.

    A team's token reads those of its own team, and targets of all; a viewer's gets no free text.
    """
    return await _answer(
        request,
        lambda connection, pairs: explain.explain_answer(connection, pairs, Sight.of(reading)),
    )


@router.get(
    "/factors",
    summary="Emission factors",
    response_class=Response,
    openapi_extra=reading_call(factors.PARAMETERS, FACTOR),
    dependencies=[Depends(authenticated)],
)
async def get_factors(request: Request) -> Response:
    """Which factor counts on which days, and with history every version of it. Every token may read them."""
    return await _answer(request, factors.factors_answer)


@router.get(
    "/publications",
    summary="What was told to whom",
    response_class=Response,
    openapi_extra=reading_call(publications.PARAMETERS, PUBLICATION),
)
async def get_publications(request: Request, reading: Reading) -> Response:
    """Figures that were published, as of when, with which factors. Every token may read them."""
    by_whom = reading.sort == "steward"
    return await _answer(
        request, lambda connection, pairs: publications.publications_answer(connection, pairs, by_whom)
    )


@router.get(
    "/restatements",
    summary="What is not so any more since it was published",
    response_class=Response,
    openapi_extra=reading_call(restatements.PARAMETERS, RESTATEMENT),
    dependencies=[Depends(authenticated)],
)
async def get_restatements(request: Request) -> Response:
    """Before, after, and why: late readings, corrections, other factors. Every token may read them."""
    return await _answer(request, restatements.restatements_answer)


@router.get(
    "/events",
    summary="Measurements in the ledger",
    response_class=Response,
    openapi_extra=reading_call(events.PARAMETERS, MEASUREMENT),
)
async def get_events(request: Request, reading: Reading) -> Response:
    """Every revision of a measurement: what was posted, when, by whom, and how it was split over days."""
    own_team = _own_team(request, reading)
    return await _answer(request, lambda connection, pairs: events.events_answer(connection, pairs, own_team))


@router.get(
    "/rejects",
    summary="What was not counted, and why",
    response_class=Response,
    openapi_extra=reading_call(rejects.PARAMETERS, REJECT),
)
async def get_rejects(request: Request, reading: Reading) -> Response:
    """What was refused behind the door; `groenmeter rejects --replay` has it judged again."""
    own_team = _own_team(request, reading)
    return await _answer(
        request, lambda connection, pairs: rejects.rejects_answer(connection, pairs, own_team)
    )


@router.get(
    "/flags",
    summary="What was counted and looks odd",
    response_class=Response,
    openapi_extra=reading_call(flags.PARAMETERS, FLAG),
)
async def get_flags(request: Request, reading: Reading) -> Response:
    """Each with its reason, until somebody confirms or corrects it."""
    own_team = _own_team(request, reading)
    return await _answer(request, lambda connection, pairs: flags.flags_answer(connection, pairs, own_team))


@router.post("/flags/{flag}/confirm", summary="Say that an odd value is right")
async def confirm_flag(request: Request, flag: int, reading: Reading) -> dict[str, bool]:
    """By a token that posts for its team. Saying so again changes nothing: `confirmed` is false then."""
    if not reading.may_post:
        raise HttpProblem(
            HTTPStatus.FORBIDDEN, "a viewer's token cannot confirm; use a team's or a steward's"
        )
    database: Database = request.app.state.reading
    number = min(max(flag, 0), 2**63 - 1)

    async def confirm(connection: psycopg.AsyncConnection) -> bool | None:
        done = await confirm_flags(connection, [number], reading.name, reading.teams)
        found = await read_flags(connection, reading.own_team, True, None, None, [number])
        may = found and (reading.teams is None or found[0]["team"] in reading.teams)
        return bool(done) if may else None

    confirmed = await database.call(confirm, CALL_SECONDS)
    if confirmed is None:
        raise HttpProblem(
            HTTPStatus.NOT_FOUND, f"there is no flag {flag} of a team that this token posts for"
        )
    return {"confirmed": confirmed}


@router.get(
    "/audit",
    summary="Who changed what",
    response_class=Response,
    openapi_extra=reading_call(audit.PARAMETERS, CHANGE),
)
async def get_audit(request: Request, reading: Reading) -> Response:
    """Changes of tokens, targets, factors and configuration, publications and redactions, for a steward."""
    if reading.sort != "steward":
        raise HttpProblem(HTTPStatus.FORBIDDEN, "only a steward's token reads who changed what")
    return await _answer(request, audit.audit_answer)


def _own_team(request: Request, token: Token) -> str | None:
    """The only team that the token may read here, None for all. Raises 403."""
    if not token.may_read_team(request.query_params.get("team", token.own_team)):
        allowed = f"only those of {token.own_team}" if token.own_team else "no events or rejects, but totals"
        raise HttpProblem(HTTPStatus.FORBIDDEN, f"this token reads {allowed}")
    return token.own_team


async def _answer(request: Request, answering: Answering) -> Response:
    """The answer as JSON, or a problem with everything that is wrong with the parameters."""
    database: Database = request.app.state.reading
    pairs = request.query_params.multi_items()

    async def ask(connection: psycopg.AsyncConnection) -> dict[str, Any] | HttpProblem:
        try:
            return await answering(connection, pairs)
        except InvalidParameters as invalid:
            return parameter_problem(invalid.problems)
        except NotYours as refused:
            return HttpProblem(HTTPStatus.FORBIDDEN, str(refused))
        except psycopg.errors.QueryCanceled:
            hint = "ask for a shorter period or a larger bucket, fewer fields in by, or one team or source"
            return parameter_problem([Problem("to", f"takes longer than {LONGEST_SECONDS} s", hint=hint)])

    answer = await database.call(ask, CALL_SECONDS)
    if isinstance(answer, HttpProblem):
        raise answer
    return Response(await asyncio.to_thread(write_json, answer), media_type="application/json")
