"""`POST /v1/rejects/replay`: what was refused behind the door is posted again, with effect at most once.

A replay is a post like any other, with a moment and a receipt of its own, judged by today's configuration.
What is sent is written down before it is sent, one replay for each reject, and the ids of its records are
made of its receipt: whoever asks at the same moment, or again after a crash, sends the very same records, and
those never count twice. The records say themselves of which reject they are: a database that was restored to
before a replay knows it again when they are counted again. The first reject stays as it was, and is out of
the list once its replay is counted; what is refused behind the door a second time is a reject of its own.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Annotated, Any

import psycopg
import uuid6
from fastapi import APIRouter, Depends, Request, Response

from schemas.calendar import from_microseconds, to_microseconds
from schemas.json_text import Unreadable, read_json, write_json
from schemas.measurement import Context, Measurement, measure
from schemas.problems import Problem
from schemas.redaction import Redactions
from schemas.topics import REPLAY, Topic
from services.intake.authentication import authenticated
from services.intake.body import Posted, read_body
from services.intake.delivery import NotDelivered
from services.intake.door import Door
from services.intake.judgement import judge
from services.intake.openapi import PROBLEMS, REPLAY_REJECTS
from services.intake.problem_details import HttpProblem, TryAgain, parameter_problem, problem_response
from services.intake.receipts import Receipt, issue
from services.intake.records import Record, pack
from services.store.configuration import Configuration
from services.store.redactions import load_redactions
from services.store.rejects import (
    REPLAY_ID,
    Replay,
    Replayable,
    begin_replay,
    identity_of,
    ledger_fingerprints,
    rejects_to_replay,
)
from services.store.revisions import conflict_problem
from services.store.tokens import Token

MOST_REPLAYED = 1000

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", responses=PROBLEMS)


@dataclass(frozen=True)
class Wish:
    """A reject to post again: as it came, with `event` in its place, or as the next revision."""

    reject: int
    event: Any = None
    as_correction: bool = False


@dataclass
class _Answer:
    """What became of a wish, and what is to be sent for it."""

    reject: int
    outcome: str = "refused"
    receipt: str | None = None
    errors: list[Problem] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "reject": self.reject,
            "outcome": self.outcome,
            "receipt": self.receipt,
            "errors": [problem.as_dict() for problem in self.errors],
        }


@router.post(
    "/rejects/replay",
    summary="Post rejects again",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    openapi_extra=REPLAY_REJECTS,
)
async def replay_rejects(request: Request, poster: Annotated[Token, Depends(authenticated)]) -> Response:
    """Have rejects judged again, as they came or mended. Whatever is asked twice has its effect once."""
    door: Door = request.app.state.door
    if not poster.may_post:
        raise HttpProblem(HTTPStatus.FORBIDDEN, "a viewer's token cannot post; use a team's or a steward's")
    wishes = read_wishes(await read_body(request))
    answers = await door.database.call(lambda connection: _Replayer(door, poster, connection).run(wishes))
    records = [record for answer in answers for record in answer.records]
    if records:
        try:
            await door.delivery.deliver(records)
        except NotDelivered as failure:
            raise TryAgain(f"{failure}; outcome unknown: send the same again") from None
    log.info("token %s replays %d of %d rejects", poster.name, len(records), len(wishes))
    members = {"rejects": [answer.as_dict() for answer in answers]}
    if all(answer.outcome == "refused" for answer in answers):
        detail = "none of them can be posted again; `rejects` says why"
        return problem_response(HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, members=members))
    return Response(write_json(members), HTTPStatus.ACCEPTED, media_type="application/json")


def read_wishes(body: bytes) -> list[Wish]:
    """The wishes of a body. Raises `HttpProblem` 400 or 422."""
    try:
        value = read_json(body)
    except Unreadable as error:
        raise HttpProblem(HTTPStatus.BAD_REQUEST, f"the body cannot be read: {error}") from None
    items = value.get("rejects") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(items, list) or not 0 < len(items) <= MOST_REPLAYED:
        allowed = f"1 to {MOST_REPLAYED} numbers, or objects with reject and event"
        raise parameter_problem([Problem("rejects", "is not a list of rejects", allowed)])
    wishes, problems = [], []
    for place, item in enumerate(items):
        wish = _wish(item)
        if wish is None:
            allowed = 'a number, {"reject": N, "event": {...}} or {"reject": N, "as_correction": true}'
            problems.append(Problem(f"rejects[{place}]", "is no reject to post again", allowed))
        else:
            wishes.append(wish)
    if len({wish.reject for wish in wishes}) < len(wishes):
        problems.append(Problem("rejects", "names a reject twice", "each once"))
    if problems:
        raise parameter_problem(problems)
    return sorted(wishes, key=lambda wish: wish.reject)


def _wish(item: object) -> Wish | None:
    if isinstance(item, int) and not isinstance(item, bool):
        return Wish(item)
    if not isinstance(item, dict) or not isinstance(item.get("reject"), int):
        return None
    match {name: value for name, value in item.items() if name != "reject"}:
        case {"event": event, **rest} if not rest and isinstance(event, dict | list):
            return Wish(item["reject"], event)
        case {"as_correction": bool(as_correction), **rest} if not rest:
            return Wish(item["reject"], None, as_correction)
        case {**rest} if not rest:
            return Wish(item["reject"])
    return None


class _Replayer:
    """Decides about every wish of a request, over one connection."""

    def __init__(self, door: Door, poster: Token, connection: psycopg.AsyncConnection) -> None:
        self._door = door
        self._poster = poster
        self._connection = connection
        self._configuration: Configuration = door.configuration.current

    async def run(self, wishes: Sequence[Wish]) -> list[_Answer]:
        rejects = await rejects_to_replay(self._connection, [wish.reject for wish in wishes])
        return [await self._answer(wish, rejects.get(wish.reject)) for wish in wishes]

    async def _answer(self, wish: Wish, reject: Replayable | None) -> _Answer:
        answer = _Answer(wish.reject)
        if reject is None or not self._may_close(reject):
            nothing = f"there is no reject {wish.reject} that this token may post again"
            answer.errors = [Problem("reject", nothing)]
        elif reject.is_replayed:
            answer.outcome = "closed"
        elif reject.is_dismissed:
            hint = "`groenmeter rejects --all` says by whom and why; post the event itself if it is to count"
            answer.errors = [Problem("reject", "was put aside", None, hint)]
        elif reject.replay is not None:
            await self._send_again(reject.replay, answer)
        else:
            await self._begin(wish, reject, answer)
        return answer

    def _may_close(self, reject: Replayable) -> bool:
        """Whether it is the poster's: whatever is posted in its place, it is out of the list with that."""
        return self._poster.teams is None or reject.team in self._poster.teams

    async def _begin(self, wish: Wish, reject: Replayable, answer: _Answer) -> None:
        teams, problem = self._teams(wish, reject)
        if problem is not None:
            answer.errors = [problem]
            return
        received = time.time_ns() // 1000
        context = Context(
            self._configuration.current.organisation,
            self._configuration.calendar,
            received,
            teams,
            self._poster.own_team,
        )
        try:
            value = read_json(reject.payload) if wish.event is None else wish.event
        except Unreadable as error:
            answer.errors = [Problem("reject", f"it cannot be read: {error}", None, _instead(reject))]
            return
        accepted, errors = await self._judge(value, context, wish.as_correction)
        if errors:
            answer.errors = errors
            return
        replay = Replay(
            reject.origin,
            reject.position,
            str(uuid6.uuid7()),
            self._poster.number,
            from_microseconds(received),
            self._configuration.current.number,
            wish.event is not None or wish.as_correction,
            records=0,
            content=write_json([raw | {"team": item.team} for item, raw in accepted]).encode(),
        )
        replay = replace(replay, records=len(_records(replay, accepted)))
        if await begin_replay(self._connection, replay):
            answer.outcome, answer.receipt = "posted", self._receipt(replay, len(accepted))
            answer.records = _records(replay, accepted)
            return
        # Somebody else was first: what he began is sent, not this.
        now = (await rejects_to_replay(self._connection, [wish.reject]))[wish.reject]
        if now.replay is not None:
            await self._send_again(now.replay, answer)
        else:
            answer.outcome = "closed"

    async def _send_again(self, replay: Replay, answer: _Answer) -> None:
        """The records of a replay that was begun and is not counted: the same, however often."""
        answer.outcome = "under-way"
        if not replay.content:  # of before a restore: what it has records of is sent without us
            return
        configuration = self._configuration
        version = configuration.numbered(replay.configuration) or configuration.current
        received = to_microseconds(replay.received_at)
        context = Context(version.organisation, configuration.calendar, received)
        accepted, errors = await self._judge(read_json(replay.content), context, False, look_in_ledger=False)
        answer.errors = errors
        answer.receipt = self._receipt(replay, len(accepted))
        answer.records = _records(replay, accepted)

    def _teams(self, wish: Wish, reject: Replayable) -> tuple[frozenset[str] | None, Problem | None]:
        """The teams that what is posted may name (None for all), or why it cannot be posted.

        As it came it may name those of who posted it first and of who posts it again.
        """
        if wish.event is not None:
            return self._poster.teams, None
        topic = Topic.of_name(reject.topic)
        if not reject.payload:
            return None, Problem("reject", "what came is no longer kept", None, _instead(reject))
        if topic.integrator is None and not reject.from_the_door:
            nobody = "nobody knows who wrote it: it came without the door's headers"
            return None, Problem("reject", nobody, None, _instead(reject))
        teams: Sequence[str] | None = reject.teams
        if topic.integrator is not None:
            integrator = self._configuration.current.organisation.integrators.get(topic.integrator)
            if integrator is None:
                hint = f"`groenmeter integrator add {topic.integrator} --teams ...`"
                return None, Problem("reject", f"integrator {topic.integrator} is not known", None, hint)
            teams = integrator.teams
        return _both(teams, self._poster.teams), None

    async def _judge(
        self, value: object, context: Context, as_correction: bool, look_in_ledger: bool = True
    ) -> tuple[list[tuple[Measurement, dict[str, Any]]], list[Problem]]:
        """The events of a JSON value: all accepted, or everything that is wrong with any of them."""
        events = value if isinstance(value, list) else [value]
        if not events or not all(isinstance(event, dict) for event in events):
            return [], [Problem("reject", "it is not one event or an array of them")]
        judgement = await judge(Posted(events, may_hold_nul=True), lambda raw: measure(raw, context))
        errors = [
            Problem(**error | ({} if len(events) == 1 else {"field": f"[{place}].{error['field']}"}))
            for place, entry in enumerate(judgement.entries)
            for error in entry["errors"]
        ]
        if errors or not look_in_ledger:
            return judgement.accepted, errors
        known = await ledger_fingerprints(
            self._connection, (measurement for measurement, _ in judgement.accepted)
        )
        if as_correction and any(known.get(identity_of(item)) for item, _ in judgement.accepted):
            corrected = [
                raw | {"revision": max(known.get(identity_of(item), {0: b""})) + 1}
                for item, raw in judgement.accepted
            ]
            return await self._judge(corrected, context, False)
        redactions = Redactions(b"")
        if known:
            async with self._connection.transaction():
                redactions = await load_redactions(self._connection)
        return judgement.accepted, list(_conflicts(judgement.accepted, known, redactions))

    def _receipt(self, replay: Replay, events: int) -> str:
        receipt = Receipt(uuid6.UUID(replay.receipt), replay.token_no, events)
        return issue(self._door.configuration.receipt_key, receipt)


def _records(replay: Replay, accepted: Sequence[tuple[Measurement, dict[str, Any]]]) -> list[Record]:
    records = pack(
        accepted,
        received=to_microseconds(replay.received_at),
        token_number=replay.token_no,
        receipt_id=replay.receipt,
        configuration=replay.configuration,
        prefix=f"{REPLAY_ID}{replay.receipt}",
    )
    told = {name: getattr(replay, name) for name in ("origin", "position", "corrected", "records")}
    header = (REPLAY, json.dumps(told).encode())
    return [replace(record, headers=[*record.headers, header]) for record in records]


def _instead(reject: Replayable) -> str:
    return f"`groenmeter rejects --replay {reject.reject_no} --with FILE` posts an event in its place"


def _both(first: Sequence[str] | None, second: frozenset[str] | None) -> frozenset[str] | None:
    """The teams that both may speak for; None for all."""
    if first is None:
        return second
    return frozenset(first) if second is None else frozenset(first) & second


def _conflicts(
    accepted: Sequence[tuple[Measurement, dict[str, Any]]],
    known: Mapping[tuple[str, str, str, str], Mapping[int, bytes]],
    redactions: Redactions,
) -> list[Problem]:
    """Other content under a revision of the ledger would be the same reject once more."""
    return [
        conflict_problem(item.revision, max(revisions))
        for item, _ in accepted
        if (revisions := known.get(identity_of(item)))
        and (there := revisions.get(item.revision)) is not None
        and there not in _fingerprints(item, redactions)
    ]


def _fingerprints(measurement: Measurement, redactions: Redactions) -> frozenset[bytes]:
    """What may stand in the ledger for its content."""
    _, erased = redactions.applied(measurement)
    return redactions.alike(measurement, erased) if erased else frozenset([measurement.fingerprint])
