"""What is usual, and what was flagged as odd."""

from collections.abc import Iterable, Mapping, Sequence
from sys import intern
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from schemas.calendar import to_microseconds
from schemas.measurement import Measurement
from schemas.odd_values import Entry, Flag, Series, Usual
from services.store.queries import query

MOST_JUDGED = 5_000  # readings in one pass

Row = dict[str, Any]


class Judged(NamedTuple):
    """A flag of an amount of a revision."""

    source_no: int
    id: str
    revision: int
    unit: str
    amount: int
    flag: Flag


async def next_readings(
    connection: psycopg.AsyncConnection,
) -> tuple[int | None, list[tuple[int, Measurement]]]:
    """The readings of the next batches with the numbers of their sources, and the last of these batches.

    None when there is no new batch. Within the transaction that moves the cursor, which is locked.
    """
    row = await (await connection.execute(query("flag_cursor"))).fetchone()
    after = row[0] if row else 0
    parameters = {"after": after, "most": MOST_JUDGED}
    row = await (await connection.execute(query("batches_to_judge"), parameters)).fetchone()
    if row is None or row[0] is None:
        return None, []
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("readings_to_judge"), {"after": after, "until": row[0]})
        return row[0], [(found.pop("source_no"), _measurement(found)) async for found in cursor]


async def keep(
    connection: psycopg.AsyncConnection, until: int, usual: Mapping[Series, Usual], flags: Iterable[Judged]
) -> None:
    """Keep what a pass found, and that it got so far."""
    async with connection.cursor() as cursor:
        rows = [
            (*series, Jsonb([list(entry) for entry in usual[series].entries])) for series in sorted(usual)
        ]
        await cursor.executemany(query("keep_usual"), rows)
        values = [
            (
                *(item.source_no, item.id, item.revision, item.flag.rule, item.flag.field, item.unit),
                *(item.amount, item.flag.usual, item.flag.nl, item.flag.en),
            )
            for item in flags
        ]
        await cursor.executemany(query("add_flag"), values)
        await cursor.execute(query("move_flag_cursor"), (until,))


async def learn_confirmed(connection: psycopg.AsyncConnection) -> None:
    """Make usual what somebody confirmed since."""
    await connection.execute(query("learn_confirmed"))


async def forget_replaced(connection: psycopg.AsyncConnection, measurements: Sequence[Measurement]) -> None:
    """Take out of what is usual what was corrected or taken back by these."""
    if measurements:
        rows = sorted({(item.team, item.kind, item.source, item.id) for item in measurements})
        await connection.execute(
            query("forget_replaced"), [list(column) for column in zip(*rows, strict=True)]
        )


async def read_usual(connection: psycopg.AsyncConnection, wanted: Iterable[Series]) -> dict[Series, Usual]:
    """What is usual for each of the series; empty where nothing was read yet."""
    found = {series: Usual() for series in wanted}
    if found:
        columns = [list(column) for column in zip(*sorted(found), strict=True)]
        async for *series, entries in await connection.execute(query("usual"), columns):
            found[Series(*series)] = Usual([Entry(*entry) for entry in entries])
    return found


async def read_flags(
    connection: psycopg.AsyncConnection,
    team: str | None,
    closed_too: bool,
    after: int | None,
    limit: int | None,
    numbers: Sequence[int] | None = None,
) -> list[Row]:
    """Flags in the order in which they were found."""
    parameters = {"team": team, "closed_too": closed_too, "after": after, "limit": limit, "numbers": numbers}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("flags"), parameters, prepare=False)
        return await cursor.fetchall()


async def confirm_flags(
    connection: psycopg.AsyncConnection, numbers: Sequence[int], by: str, teams: Iterable[str] | None
) -> list[int]:
    """Note that values are right, of these teams only (None: all); returns the flags that were open."""
    parameters = {"numbers": list(numbers), "by": by, "teams": None if teams is None else sorted(teams)}
    cursor = await connection.execute(query("confirm_flags"), parameters)
    return sorted([number async for (number,) in cursor])


def _measurement(row: Row) -> Measurement:
    start, end = row.pop("starts_at"), row.pop("ends_at")
    # Thousands of readings of a few sources: their names are kept once.
    fields: Row = {name: intern(value) if isinstance(value, str) else value for name, value in row.items()}
    return Measurement(
        **fields,
        fingerprint=b"",
        start=None if start is None else to_microseconds(start),
        end=None if end is None else to_microseconds(end),
    )
