"""`GET /v1/rejects`: what was refused behind the door, and why."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from schemas.calendar import pinned_zone
from schemas.problems import Problem
from services.query.pages import Page, answer, as_text, read_page
from services.query.parameters import DATE, PAGE, Pairs, Parameter, Reader
from services.store.rejects import PAYLOAD_KEPT, RejectsQuery, Row, read_rejects
from services.store.snapshot import Snapshot, open_snapshot

PARAMETERS = (
    Parameter("team", "only what names this team; a team's token reads its own only"),
    Parameter("since", "only what was refused since a moment or a local day, like 2026-01-01"),
    Parameter("state", "open: what is still not counted (default); all: also what was replayed or put aside"),
    Parameter("as_of", "as it was known at this moment, like the as_of of an earlier answer"),
    *PAGE,
)

_FREE_TEXT = re.compile(r'("(?:note|evidence|item|product|reason)"\s*:\s*)"(?:[^"\\]|\\.)*"?')
_CLOCK_TIME = re.compile(r'("time"\s*:\s*"[^"T]*T)[^"]*"?')
EXCERPT_CHARACTERS = 200
STATES = ("open", "all")


async def rejects_answer(
    connection: psycopg.AsyncConnection,
    pairs: Pairs,
    own_team: str | None = None,
    unlimited: bool = False,
    numbers: Sequence[int] | None = None,
) -> dict[str, Any]:
    """The answer to a query; a row for each refused event or unreadable record. Raises `InvalidParameters`.

    `own_team`: the only team that may be seen, None for all. `unlimited`: all rows in one answer. `numbers`:
    only these rejects.
    """
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not unlimited
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        wanted = RejectsQuery(
            team=reader.one_of("team", snapshot.teams) or own_team,
            since=read_since(reader, snapshot),
            as_of=page.as_of,
            after=_after(reader, page),
            limit=page.one_more,
            closed_too=reader.one_of("state", STATES) == "all",
            numbers=numbers,
        )
        reader.check()
        rejects = await read_rejects(connection, wanted)
    shown = rejects[: page.limit]
    more = len(rejects) > len(shown)
    cursor = page.next_cursor([shown[-1]["reject_no"]]) if more else None
    return answer(snapshot, page, [_row(row) for row in shown], cursor)


def read_since(reader: Reader, snapshot: Snapshot) -> datetime | None:
    """The moment that `since` is: itself, or the first of a local day."""
    if not DATE.fullmatch(reader.text("since") or ""):
        return reader.moment("since")
    day = reader.date("since")
    return (
        None
        if day is None
        else datetime(day.year, day.month, day.day, tzinfo=pinned_zone(snapshot.time_zone))
    )


def _after(reader: Reader, page: Page) -> int | None:
    if page.position is None:
        return None
    match page.position:
        case [int(reject_no)] if 0 <= reject_no < 2**63:
            return reject_no
    reader.refuse("cursor", "is not a cursor of this call")
    return None


def _row(row: Row) -> dict[str, Any]:
    text = _without_people(row["beginning"].decode("utf-8", errors="replace"), row["kind"])
    excerpt = text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"
    return {
        "reject": row["reject_no"],
        "team": row["team"],
        "kind": row["kind"],
        "source": row["source"],
        "id": row["id"],
        "problems": [Problem(**problem).as_dict() for problem in row["problems"]],
        "received_at": as_text(row["received_at"]),
        "recorded_at": as_text(row["recorded_at"]),
        "topic": row["topic"],
        "origin": row["origin"],
        "position": row["position"],
        "posted_by": row["posted_by"],
        "excerpt": excerpt if row["is_kept"] else None,
        "erased_at": None if row["erased_at"] is None else as_text(row["erased_at"]),
        "replayable_until": as_text(row["recorded_at"] + PAYLOAD_KEPT) if row["is_kept"] else None,
        "state": row["state"],
        "replayed_at": None if row["replayed_at"] is None else as_text(row["replayed_at"]),
        "replay": _replay(row),
        "replay_of": row["replay_of"],
        "dismissed": _dismissed(row),
    }


def _replay(row: Row) -> dict[str, Any] | None:
    """The new receipt, beside the first: when, by whom, and what became of it."""
    if row["again_received_at"] is None:
        return None
    return {
        "received_at": as_text(row["again_received_at"]),
        "posted_by": row["again_posted_by"],
        "corrected": row["corrected"],
        "new": row["added"],
        "repeats": row["repeats"],
        "rejected": row["rejected"],
        "rejects": row["refused_again"] or [],
    }


def _dismissed(row: Row) -> dict[str, Any] | None:
    if row["dismissed_at"] is None:
        return None
    return {"at": as_text(row["dismissed_at"]), "by": row["dismissed_by"], "note": row["note"]}


def _without_people(text: str, kind: str | None) -> str:
    """The beginning of a payload without what may be free text, and without a medication's clock time."""
    text = _FREE_TEXT.sub(r'\1"…"', text)
    return _CLOCK_TIME.sub(r'\1…"', text) if kind == "medication-waste" else text
