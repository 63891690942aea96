"""How far the counting is, and whether the configuration changed."""

from datetime import timedelta

import psycopg


async def newest_configuration(connection: psycopg.AsyncConnection) -> int:
    """The number of the newest version of the configuration; 0 before the first."""
    cursor = await connection.execute("SELECT coalesce(max(version), 0) FROM configuration")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def since_newest_batch(connection: psycopg.AsyncConnection) -> timedelta:
    """How long ago the newest batch was counted, by the database's clock."""
    cursor = await connection.execute("SELECT clock_timestamp() - max(recorded_at) FROM batch_log")
    row = await cursor.fetchone()
    age: timedelta | None = row[0] if row else None
    return age or timedelta()


async def next_offsets(connection: psycopg.AsyncConnection, log: str) -> dict[tuple[str, int], int]:
    """By topic and partition of a log, the offset that the processors read next."""
    cursor = await connection.execute(
        "SELECT topic, partition, next FROM source_offset WHERE log = %s", (log,)
    )
    return {(topic, partition): offset for topic, partition, offset in await cursor.fetchall()}
