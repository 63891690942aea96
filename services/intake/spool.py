"""The spool: what was accepted and is not counted yet, on disk before it is answered (SQLite).

The embedded broker keeps everything in memory; what is here is sent to it again when it began anew.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from services.intake.delivery import NotDelivered
from services.intake.records import Record

FILE = "spool.sqlite"
MOST_BYTES = 256_000_000
OVERHEAD_BYTES = 1000  # what a record costs beside its value, on disk and in memory
CHUNK_BYTES = 4_000_000
CHUNK_RECORDS = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY,
    record_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,
    events INTEGER NOT NULL
)
"""
_INSERT = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM record WHERE number = ?"
_READ = "SELECT * FROM record WHERE number > ? ORDER BY number LIMIT ?"

Answer = TypeVar("Answer")


class SpoolFull(NotDelivered):
    """Nothing can be written: the bound is reached, or the disk is full or broken."""


class Spooled(NamedTuple):
    """A record with its number in the spool; numbers ascend in the order of acceptance."""

    number: int
    record: Record


class _Waiting(NamedTuple):
    """Records of one request, not committed yet."""

    records: list[Spooled]
    committed: asyncio.Future[None]


class Spool:
    """One SQLite file, used by one thread; requests that come together share a commit.

    Use as `async with`. A second process on the same file fails at its start: the file is locked.
    """

    def __init__(self, directory: Path, most_bytes: int = MOST_BYTES) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._thread = ThreadPoolExecutor(1, "spool")
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._held: dict[int, tuple[int, int]] = {}
        self._last_number = 0
        self.bytes_used = 0
        self.events = 0
        self.grew = asyncio.Event()

    async def __aenter__(self) -> "Spool":
        for number, size, events in await self._in_thread(self._open):
            self._hold(number, size, events)
        self._writer = asyncio.create_task(self._write_for_ever())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._waiting.join()
        self._writer.cancel()
        await self._in_thread(self._connection.close)
        self._thread.shutdown()

    @property
    def has_room(self) -> bool:
        """Whether a request would be taken."""
        return self.bytes_used < self._most_bytes

    def holds(self, number: int) -> bool:
        """Whether a record is here still."""
        return number in self._held

    async def deliver(self, records: Sequence[Record]) -> None:
        """Make records durable: all of them when it returns, none when it raises `SpoolFull`."""
        if not self.has_room:
            raise SpoolFull("what is not counted yet has reached the bound of the spool")
        spooled = [Spooled(self._last_number + place, record) for place, record in enumerate(records, 1)]
        for number, record in spooled:
            self._hold(number, len(record.value), record.events)
        committed = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(_Waiting(spooled, committed))
        await committed

    async def read(self, after: int) -> list[Spooled]:
        """The next records after a number, in order: some megabytes at most, none when there are no more."""
        return await self._in_thread(partial(self._read, after))

    async def forget(self, numbers: Sequence[int]) -> None:
        """Remove records that are counted. Raises `SpoolFull` when the disk has no room for that."""
        await self._in_thread(partial(self._delete, numbers))
        self._release(numbers)

    async def _write_for_ever(self) -> None:
        while True:
            group = [await self._waiting.get()]
            while not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            failure = await self._in_thread(partial(self._commit, group))
            for waiting in group:
                self._finish(waiting, failure)
                self._waiting.task_done()

    def _finish(self, waiting: _Waiting, failure: SpoolFull | None) -> None:
        if failure is None:
            self.grew.set()
        else:
            self._release([number for number, _ in waiting.records])
        if waiting.committed.cancelled():
            return
        if failure is None:
            waiting.committed.set_result(None)
        else:
            waiting.committed.set_exception(failure)

    def _hold(self, number: int, size: int, events: int) -> None:
        self._held[number] = (size + OVERHEAD_BYTES, events)
        self._last_number = number
        self.bytes_used += size + OVERHEAD_BYTES
        self.events += events

    def _release(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            size, events = self._held.pop(number)
            self.bytes_used -= size
            self.events -= events

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> list[tuple[int, int, int]]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self._directory / FILE, timeout=1)
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_SCHEMA)
        return self._connection.execute(
            "SELECT number, length(value), events FROM record ORDER BY number"
        ).fetchall()

    def _commit(self, group: list[_Waiting]) -> SpoolFull | None:
        rows = [
            (number, record.record_id, record.topic, record.key, record.value, _text(record), record.events)
            for waiting in group
            for number, record in waiting.records
        ]
        try:
            self._change(_INSERT, rows)
        except SpoolFull as failure:
            return failure
        return None

    def _change(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One transaction: all rows or none."""
        try:
            with self._connection:
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise SpoolFull(f"the spool cannot be written: {error}") from error

    def _read(self, after: int) -> list[Spooled]:
        spooled = []
        size = 0
        for number, record_id, topic, key, value, headers, events in self._connection.execute(
            _READ, (after, CHUNK_RECORDS)
        ):
            record = Record(record_id, topic, key, value, _headers(headers), events)
            spooled.append(Spooled(number, record))
            size += len(value)
            if size > CHUNK_BYTES:
                break
        return spooled

    def _delete(self, numbers: Sequence[int]) -> None:
        self._change(_DELETE, [(number,) for number in numbers])


def _text(record: Record) -> str:
    return json.dumps([[name, value.decode()] for name, value in record.headers])


def _headers(text: str) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in json.loads(text)]
