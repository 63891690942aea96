"""`POST /v1/events` and `GET /v1/receipts/{receipt}`."""

import logging
import time
from http import HTTPStatus
from typing import Annotated, Any

import uuid6
from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json

from services.fail_points import fail_point
from services.intake.authentication import authenticated
from services.intake.body import read_posted
from services.intake.delivery import NotDelivered
from services.intake.door import Door
from services.intake.judgement import Judgement, judge
from services.intake.openapi import POST_EVENTS, PROBLEMS
from services.intake.problem_details import HttpProblem, TryAgain, problem_response
from services.intake.receipts import Receipt, ReceiptState, issue, receipt_state
from services.intake.records import pack
from services.store.tokens import Token

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", responses=PROBLEMS)

Poster = Annotated[Token, Depends(authenticated)]


@router.post(
    "/events",
    summary="Post measurements",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    openapi_extra=POST_EVENTS,
)
async def post_events(request: Request, poster: Poster) -> Response:
    """Post one event or a batch of at most 10,000. 202: every accepted event will be counted."""
    door: Door = request.app.state.door
    started = time.monotonic()
    if not poster.may_post:
        raise HttpProblem(HTTPStatus.FORBIDDEN, "a viewer's token cannot post; use a team's or a steward's")
    if not door.delivery.has_room:  # before its events are judged: it may come again and again
        raise TryAgain("what is not counted yet has reached the bound of the spool; send the same again")
    posted = await read_posted(request)
    received = time.time_ns() // 1000
    configuration = door.configuration.current
    forms = door.known_forms.of(poster, configuration)
    judgement = await judge(posted, lambda raw: forms.measure(raw, received))
    receipt = Receipt(uuid6.uuid7(), poster.number, len(judgement.accepted))
    records = pack(
        judgement.accepted,
        received=received,
        token_number=poster.number,
        receipt_id=str(receipt.id),
        configuration=configuration.current.number,
    )
    if records:
        records = door.redacting.without_erased(judgement.accepted, records)
        try:
            await door.delivery.deliver(records)
            fail_point("before-202")
        except NotDelivered as failure:
            log.warning("receipt %s: not delivered: %s", receipt.id, failure)
            raise TryAgain(f"{failure}; outcome unknown: send the same again") from None
    accepted = [entry for entry in judgement.entries if entry["outcome"] == "accepted"]
    flags = await door.odd_values.flags(judgement.accepted)
    for entry, found in zip(accepted, flags, strict=True):
        entry["flags"] = [flag.as_dict() for flag in found]
    door.metrics.seconds.observe(time.monotonic() - started)
    door.metrics.events.labels("accepted").inc(len(judgement.accepted))
    door.metrics.events.labels("rejected").inc(judgement.rejected)
    log.info(
        "receipt %s: token %s, accepted %d, rejected %d",
        receipt.id,
        poster.name,
        len(judgement.accepted),
        judgement.rejected,
    )
    return _answer(issue(door.configuration.receipt_key, receipt), judgement)


@router.get("/receipts/{receipt}", summary="What became of a post")
async def get_receipt(request: Request, receipt: str, reader: Poster) -> ReceiptState:
    """Follow a post: `pending` until every accepted event is counted, a repeat, or in the rejects."""
    door: Door = request.app.state.door
    if reader.sort == "viewer":
        raise HttpProblem(HTTPStatus.FORBIDDEN, "a viewer's token cannot read receipts")
    key = door.configuration.receipt_key
    state = await door.database.call(lambda connection: receipt_state(connection, key, receipt, reader))
    if state is None:
        raise HttpProblem(HTTPStatus.NOT_FOUND, "no receipt of yours: was it copied as a whole?")
    return state


def _answer(receipt: str, judgement: Judgement) -> Response:
    """202, or 422 when nothing was accepted: a problem with the same members."""
    members: dict[str, Any] = {
        "receipt": receipt,
        "accepted": len(judgement.accepted),
        "rejected": judgement.rejected,
        "events": judgement.entries,
    }
    if not judgement.accepted:
        detail = "nothing was accepted; `events` says what is wrong" if judgement.entries else "no events"
        return problem_response(HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, members=members))
    return Response(to_json(members), HTTPStatus.ACCEPTED, media_type="application/json")
