"""Recomputing everything that is derived from the ledger, another way than the one that keeps it.

The processors keep the rollups batch by batch, in Python; this recomputes them from the ledger as a whole, in
SQL, with the split of a period written a second time (`day_shares`, `hour_shares`, `day_cover`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL

from services.store.queries import query
from services.store.snapshot import open_snapshot

MOST_SHOWN = 20

CHECKS = (
    "revisions",
    "identities",
    "batches",
    "rejects",
    "receipts",
    "leaves",
    "days",
    "months",
    "hours",
    "sources",
    "meters",
    "late",
    "corrections",
    "publications",
)


@dataclass(frozen=True)
class Difference:
    """One thing that differs: which check, what it is about, what the ledger says and what was found."""

    check: str
    key: dict[str, Any]
    expected: str | None
    found: str | None


@dataclass(frozen=True)
class Verification:
    """What was compared, as of when, how often each check differed, and the first differences of each."""

    as_of: datetime
    compared: dict[str, int]
    counts: dict[str, int]
    differences: list[Difference]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


async def verify(connection: psycopg.AsyncConnection, report: Callable[[str], None]) -> Verification:
    """Compare everything, in one snapshot. `report` is told the name of each check before it begins."""
    counts: dict[str, int] = {}
    differences = []
    async with open_snapshot(connection, limited=False) as snapshot:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query("verified"))
            compared = await cursor.fetchone() or {}
        # The planner takes a period for thousands of days. Beside that it does not mind to keep the amounts
        # of the whole ledger and to go through them once for each source.
        await connection.execute("SET LOCAL enable_material = off")
        for check in CHECKS:
            report(check)
            amounts = query("verify_of_identities" if counts.get("identities") else "verify_of_highest")
            counted = SQL(query("verify_counted")).format(amounts=SQL(amounts))
            statement = SQL(query(f"verify_{check}")).format(counted=counted)
            rows = await (await connection.execute(statement, {"limit": MOST_SHOWN})).fetchall()
            counts[check] = rows[0][3] if rows else 0
            differences += [
                Difference(check, key, _text(expected), _text(found)) for key, expected, found, _ in rows
            ]
    return Verification(snapshot.newest, compared, counts, differences)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
