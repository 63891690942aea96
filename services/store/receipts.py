"""What became of the records that the door wrote, and the key that signs its receipts."""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg


class Outcome(NamedTuple):
    """How many events of a receipt were new, repeats of what was there, and rejected behind the door."""

    added: int
    repeats: int
    rejected: int


async def receipt_key(connection: psycopg.AsyncConnection) -> bytes:
    """The installation's key, made when the database was migrated."""
    cursor = await connection.execute("SELECT receipt_key FROM installation")
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("the database has no receipt key: run `groenmeter migrate`")
    return bytes(row[0])


async def counted_records(connection: psycopg.AsyncConnection, record_ids: Sequence[str]) -> set[str]:
    """Those of the records that are counted: in the ledger, repeats, or in the rejects."""
    cursor = await connection.execute(
        "SELECT record_id FROM receipt_part WHERE record_id = ANY(%s)", (list(record_ids),)
    )
    return {record_id for (record_id,) in await cursor.fetchall()}


async def outcome_of(connection: psycopg.AsyncConnection, receipt: str) -> Outcome:
    """The sums over the records of a receipt that are counted so far."""
    cursor = await connection.execute(
        """
        SELECT coalesce(sum(added), 0)::bigint, coalesce(sum(repeats), 0)::bigint,
            coalesce(sum(rejected), 0)::bigint
        FROM receipt_part WHERE receipt = %s
        """,
        (receipt,),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a sum without GROUP BY always answers
    return Outcome(*row)


async def team_of_token(connection: psycopg.AsyncConnection, number: int) -> str | None:
    """The team of a team's token; None for a steward's, or when there is no such token."""
    cursor = await connection.execute(
        "SELECT teams[1] FROM token WHERE token_no = %s AND sort = 'team'", (number,)
    )
    row = await cursor.fetchone()
    return row[0] if row else None
