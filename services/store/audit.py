"""Who changed what, when, and how it was before; written by triggers (`write_audit`), read here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from services.store.queries import query

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AuditQuery:
    """What is asked: entries since a moment, about one sort of thing or one thing.

    `before`: only entries with a lower number, those after the last one that was seen.
    """

    since: datetime | None
    about: str | None
    subject: str | None
    before: int | None
    limit: int | None


async def audited(connection: psycopg.AsyncConnection) -> list[str]:
    """The sorts of things that there are entries about."""
    cursor = await connection.execute(query("audited"))
    return [about async for (about,) in cursor]


async def read_audit(connection: psycopg.AsyncConnection, wanted: AuditQuery) -> list[Row]:
    """Entries, the newest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("audit"), vars(wanted), prepare=False)
        return await cursor.fetchall()
