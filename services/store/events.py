"""The ledger as people ask for it: every revision of a measurement, newest first."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import dict_row

from services.store.queries import query

Row = dict[str, Any]
IdentityKey = tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class EventsQuery:
    """What is asked: measurements with a revision that touches the local days [`start`, `end`).

    `after`: the (team, kind, source, id) of the last one that was seen. `limit` None: all.
    """

    team: str | None
    kind: str | None
    source: str | None
    id: str | None
    start: date | None
    end: date | None
    as_of: datetime
    after: list[str] | None
    limit: int | None


async def read_events(
    connection: psycopg.AsyncConnection, wanted: EventsQuery
) -> list[tuple[IdentityKey, list[Row]]]:
    """Measurements in order of (team, kind, source, id), each with its revisions, the highest first."""
    parameters = {
        "team": wanted.team,
        "kind": wanted.kind,
        "source": wanted.source,
        "id": wanted.id,
        "from": wanted.start,
        "to": wanted.end,
        "as_of": wanted.as_of,
        "after": wanted.after,
        "limit": wanted.limit,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("events"), parameters, prepare=False)
        rows = await cursor.fetchall()
    groups = groupby(rows, key=lambda row: (row["team"], row["kind"], row["source"], row["id"]))
    return [(identity, list(revisions)) for identity, revisions in groups]
