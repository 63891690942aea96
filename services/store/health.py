"""How old the newest count is."""

from datetime import timedelta

import psycopg


async def since_newest_batch(connection: psycopg.AsyncConnection) -> timedelta:
    """How long ago the newest batch was counted, by the database's clock."""
    cursor = await connection.execute("SELECT clock_timestamp() - max(recorded_at) FROM batch_log")
    row = await cursor.fetchone()
    age: timedelta | None = row[0] if row else None
    return age or timedelta()
