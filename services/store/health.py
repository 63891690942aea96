"""How old the newest count is."""

from datetime import timedelta

import psycopg


async def since_newest_batch(connection: psycopg.AsyncConnection) -> timedelta:
    """How long ago the newest batch with events was counted, by the database's clock; never below 0."""
    cursor = await connection.execute(
        """
        SELECT greatest(clock_timestamp() - recorded_at, interval '0')
        FROM batch_log
        WHERE events > 0 OR batch_no = 0
        ORDER BY batch_no DESC
        LIMIT 1
        """
    )
    row = await cursor.fetchone()
    age: timedelta | None = row[0] if row else None
    return age or timedelta()
