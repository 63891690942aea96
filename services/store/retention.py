"""What is kept for how long, and forgetting what is due. The ledger and its identities stay for ever."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from services.store.queries import query


@dataclass(frozen=True)
class Forgotten:
    """How far the payloads of rejects were forgotten: those recorded before `until`.

    `ran_at`: the last time. `number`: how many went then. `due`: how many would go now.
    """

    until: datetime
    ran_at: datetime
    number: int
    due: int


async def forget_payloads(connection: psycopg.AsyncConnection) -> int | None:
    """Forget the payloads of rejects that are old enough; how many, None when that was done today already.

    Safe to repeat, from several processes at once.
    """
    row = await (await connection.execute(query("forget_payloads"))).fetchone()
    return row[0] if row else None


async def read_forgotten(connection: psycopg.AsyncConnection) -> Forgotten:
    """How far forgetting came, and what is due."""
    async with connection.cursor(row_factory=class_row(Forgotten)) as cursor:
        await cursor.execute(query("forgotten"))
        found = await cursor.fetchone()
    if found is None:
        raise RuntimeError("the database was never migrated")
    return found
