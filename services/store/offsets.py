"""Where reading goes on: the next offset of each partition of each log, and the newest configuration."""

from collections.abc import Iterable

import psycopg

from services.store.queries import query

Partition = tuple[str, str, int]


async def next_offsets(
    connection: psycopg.AsyncConnection, partitions: Iterable[Partition]
) -> dict[Partition, int]:
    """The next offset to read of each (log, topic, partition); one that was never read is left out."""
    columns = [list(column) for column in zip(*sorted(partitions), strict=True)]
    if not columns:
        return {}
    cursor = await connection.execute(query("next_offsets"), columns)
    return {(log, topic, partition): next_ async for log, topic, partition, next_ in cursor}


async def newest_version(connection: psycopg.AsyncConnection) -> int:
    """The number of the newest configuration."""
    row = await (await connection.execute(query("newest_version"))).fetchone()
    return int(row[0]) if row else 0


async def current_integrators(connection: psycopg.AsyncConnection) -> frozenset[str]:
    """The integrators of the newest configuration."""
    cursor = await connection.execute(query("integrators"))
    return frozenset([slug async for (slug,) in cursor])
