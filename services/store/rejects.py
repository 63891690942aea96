"""What was refused behind the door: reading it, and noting that it was replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from services.store.queries import query

PAYLOAD_KEPT = timedelta(days=90)

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RejectsQuery:
    """What is asked: rejects recorded from `since` on. `after`: the number of the last one that was seen."""

    team: str | None
    since: datetime | None
    as_of: datetime
    after: int | None
    limit: int | None


@dataclass(frozen=True)
class Replayable:
    """A reject whose raw payload is still there.

    `teams`: those that the token it was posted with may speak for, None for all of them.
    """

    reject_no: int
    team: str | None
    topic: str
    payload: bytes
    from_the_door: bool
    teams: list[str] | None


async def read_rejects(connection: psycopg.AsyncConnection, wanted: RejectsQuery) -> list[Row]:
    """Rejects in the order in which they were recorded."""
    parameters = {
        "team": wanted.team,
        "since": wanted.since,
        "as_of": wanted.as_of,
        "after": wanted.after,
        "limit": wanted.limit,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("rejects"), parameters, prepare=False)
        return await cursor.fetchall()


def rejects_to_replay(connection: psycopg.Connection, numbers: Sequence[int]) -> list[Replayable]:
    """Those of the numbered rejects that were not replayed yet and still can be; an owner's connection."""
    with connection.cursor(row_factory=class_row(Replayable)) as cursor:
        return cursor.execute(query("rejects_to_replay"), (list(numbers),)).fetchall()


def mark_replayed(connection: psycopg.Connection, reject_no: int) -> None:
    """Note that a reject was judged again; the reject itself stays. An owner's connection."""
    connection.execute(query("mark_replayed"), (reject_no,))
