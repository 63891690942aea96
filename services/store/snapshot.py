"""A consistent view of the database for reading, as it is now or as it was after some batch."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from services.store.queries import query

LONGEST_SECONDS = 20


@dataclass(frozen=True)
class Snapshot:
    """What a reading call needs to know before it reads.

    `first`, `newest`: when the first and the newest batch were recorded; `now`: the database's clock.
    `teams`, `sites`: every slug there is.
    """

    time_zone: str
    teams: frozenset[str]
    sites: frozenset[str]
    first: datetime
    newest: datetime
    now: datetime


@asynccontextmanager
async def open_snapshot(
    connection: psycopg.AsyncConnection, settled: bool = False, limited: bool = True
) -> AsyncIterator[Snapshot]:
    """One moment's view of everything, without writing and without a lock while it is open.

    `settled`: wait first (milliseconds) for a batch that is being committed. Without it a batch that took its
    `recorded_at` before now may appear later, so it is needed to ask about a moment after the newest batch.
    `limited`: no statement takes longer than 20 s; then psycopg raises `QueryCanceled`.
    """
    if settled:
        async with connection.transaction():
            await _limit_time(connection)
            await connection.execute(query("await_batch_log"))
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if limited:
            await _limit_time(connection)
        row = await (await connection.execute(query("snapshot"))).fetchone()
        if row is None:
            raise RuntimeError("the database has no configuration: it was never migrated")
        time_zone, teams, sites, first, newest, now = row
        yield Snapshot(time_zone, frozenset(teams), frozenset(sites), first, newest, now)


async def batch_at(connection: psycopg.AsyncConnection, moment: datetime) -> datetime | None:
    """When the newest batch at or before a moment was recorded; None when there was none yet."""
    row = await (await connection.execute(query("batch_at"), (moment,))).fetchone()
    return row[0] if row else None


def settled_batch(connection: psycopg.Connection, moment: datetime) -> datetime | None:
    """The same of a moment that may be now: waits first for a batch that is being committed."""
    with connection.transaction():
        connection.execute(query("await_batch_log"))
        row = connection.execute(query("batch_at"), (moment,)).fetchone()
    return row[0] if row else None


async def _limit_time(connection: psycopg.AsyncConnection) -> None:
    await connection.execute(f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'")
