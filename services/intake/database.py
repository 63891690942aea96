"""The door's connections to the database: shared by all requests, and never waited for when it is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from services.store.connection import connect_async

MOST_CONNECTIONS = 8
QUERY_SECONDS = 10.0

Answer = TypeVar("Answer")


class Unreachable(Exception):
    """The database does not answer now."""


class Database:
    """Up to `MOST_CONNECTIONS` connections with the writer's role, made when they are needed."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._idle: list[psycopg.AsyncConnection] = []
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)

    async def call(
        self, query: Callable[[psycopg.AsyncConnection], Awaitable[Answer]], seconds: float = QUERY_SECONDS
    ) -> Answer:
        """What a query answers; asked once more on a fresh connection when a kept one proves dead.

        Raises `Unreachable`.
        """
        async with self._room:
            if self._idle:
                try:
                    return await self._ask(self._idle.pop(), query, seconds)
                except Unreachable:
                    await self.close()
            return await self._ask(await self._connect(seconds), query, seconds)

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            await self._idle.pop().close()

    async def _connect(self, seconds: float) -> psycopg.AsyncConnection:
        try:
            async with asyncio.timeout(seconds):
                return await connect_async(self.dsn, "writer")
        except (psycopg.OperationalError, TimeoutError) as error:
            raise Unreachable from error

    async def _ask(
        self,
        connection: psycopg.AsyncConnection,
        query: Callable[[psycopg.AsyncConnection], Awaitable[Answer]],
        seconds: float,
    ) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                answer = await query(connection)
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
            await connection.close()
            raise Unreachable from error
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)
        return answer
