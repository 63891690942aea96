"""`GET /v1/events`: what is in the ledger of each measurement, every revision of it."""

from datetime import datetime
from typing import Any

import psycopg

from schemas.calendar import pinned_zone
from schemas.catalogue import KINDS
from services.query.pages import Page, Position, answer, as_text, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.store.events import EventsQuery, Row, read_events
from services.store.snapshot import Snapshot, open_snapshot

PARAMETERS = (
    Parameter("source", "only this source"),
    Parameter("id", "only this id"),
    Parameter("team", "only this team; a team's token reads its own only"),
    Parameter("kind", f"one of {', '.join(KINDS)}"),
    Parameter("from", "only what touches a local day from this one on, like 2026-01-01"),
    Parameter("to", "only what touches a local day before this one"),
    Parameter("as_of", "as it was known at this moment, like the as_of of an earlier answer"),
    *PAGE,
)


async def events_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, own_team: str | None = None, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query; a row for each measurement. Raises `InvalidParameters`.

    `own_team`: the only team that may be seen, None for all. `unlimited`: all rows in one answer.
    """
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not unlimited
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        wanted = _read_query(reader, snapshot, page, own_team)
        measurements = await read_events(connection, wanted)
    shown = measurements[: page.limit]
    rows = [_row(revisions, snapshot.time_zone) for _, revisions in shown]
    more = len(measurements) > len(shown)
    return answer(snapshot, page, rows, page.next_cursor(list(shown[-1][0])) if more else None)


def _read_query(reader: Reader, snapshot: Snapshot, page: Page, own_team: str | None) -> EventsQuery:
    start, end = reader.date("from"), reader.date("to")
    if start and end and end <= start:
        reader.refuse("to", "is not after from", hint="to is the day after the last: [from, to)")
    wanted = EventsQuery(
        team=reader.one_of("team", snapshot.teams) or own_team,
        kind=reader.one_of("kind", KINDS),
        source=reader.text("source"),
        id=reader.text("id"),
        start=start,
        end=end,
        as_of=page.as_of,
        after=_after(reader, page.position),
        limit=page.one_more,
    )
    reader.check()
    return wanted


def _after(reader: Reader, position: Position | None) -> list[str] | None:
    if position is not None and (len(position) != 4 or not all(isinstance(part, str) for part in position)):
        reader.refuse("cursor", "is not a cursor of this call")
    return position


def _row(revisions: list[Row], time_zone: str) -> dict[str, Any]:
    """A measurement; its state is that of its highest revision, the first of the list."""
    shown = [_revision(row, index == 0, time_zone) for index, row in enumerate(revisions)]
    newest = revisions[0]
    return {
        "team": newest["team"],
        "kind": newest["kind"],
        "source": newest["source"],
        "id": newest["id"],
        "state": shown[0]["state"],
        "revision": newest["revision"],
        "revisions": shown,
    }


def _revision(row: Row, is_newest: bool, time_zone: str) -> dict[str, Any]:
    def local(moment: datetime | None) -> str | None:
        return None if moment is None else moment.astimezone(pinned_zone(time_zone)).isoformat()

    state = "superseded" if not is_newest else "retracted" if row["retracted"] else "counted"
    amounts = [(row["unit"], row["quantity"]), ("piece", row["pieces"]), ("cent", row["cost"])]
    return {
        "revision": row["revision"],
        "state": state,
        "retracted": row["retracted"],
        "received_at": as_text(row["received_at"]),
        "recorded_at": as_text(row["recorded_at"]),
        "start": local(row["starts_at"]),
        "end": local(row["ends_at"]),
        "category": row["category"],
        "flow": row["flow"],
        "site": row["site"],
        "method": row["method"],
        "detail": row["detail"],
        "amounts": [
            {"base_unit": unit, "base_quantity": str(amount)}
            for unit, amount in amounts
            if amount is not None
        ],
        "shares": row["shares"],
        "meter": row["meter"],
        "posted": row["posted"],
        "texts": row["texts"],
        "erased": row["erased"],
        "fingerprint": row["fingerprint"].hex(),
        "posted_by": row["posted_by"],
        "origin": row["origin"],
    }
