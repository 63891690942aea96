"""The spool: what was accepted and is not counted yet, on disk before it is answered (SQLite).

The embedded broker keeps everything in memory; what is here is sent to it again when it began anew. What is
counted is closed: it stays for some days, so that a database that is restored from a backup gets again what
came since (`reopen`). On a real cluster the topics do that.
"""

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from services.intake.delivery import NotDelivered
from services.intake.records import Record

FILE = "spool.sqlite"
MOST_BYTES = 256_000_000
CLOSED_SECONDS = 7 * 86_400
MOST_CLOSED_BYTES = 1_000_000_000  # some ten million measurements
OVERHEAD_BYTES = 1000  # what a record costs beside its value, on disk and in memory
CHUNK_BYTES = 4_000_000
CHUNK_RECORDS = 500

# A record that is counted stays where it was written and gets a row in `closed`. Nothing that was counted
# after `complete.since` (seconds since 1970) was removed.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY,
    record_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,
    events INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS closed (
    number INTEGER PRIMARY KEY,
    record_id TEXT NOT NULL,
    counted_at REAL NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS complete (one INTEGER PRIMARY KEY CHECK (one = 1), since REAL NOT NULL);
"""
_BEGIN = "INSERT OR IGNORE INTO complete VALUES (1, ?)"
# An earlier version knows nothing of `closed`: it removes records and may give out their numbers again.
_FORGET_STRANGERS = """
DELETE FROM closed WHERE NOT EXISTS (
    SELECT 1 FROM record WHERE record.number = closed.number AND record.record_id = closed.record_id
)
"""
_IS_OPEN = "NOT EXISTS (SELECT 1 FROM closed WHERE closed.number = record.number)"
_OPEN = f"SELECT number, length(value), events FROM record WHERE {_IS_OPEN} ORDER BY number"  # noqa: S608
_READ = f"SELECT * FROM record WHERE number > ? AND {_IS_OPEN} ORDER BY number LIMIT ?"  # noqa: S608
_READ_ALL = "SELECT * FROM record WHERE number > ? ORDER BY number LIMIT ?"
_REWRITE = "UPDATE record SET value = ?, headers = ? WHERE number = ?"
_INSERT = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)"
_CLOSE = "INSERT OR IGNORE INTO closed SELECT number, record_id, ?, ? FROM record WHERE number = ?"
_OLDEST_CLOSED = "SELECT number, counted_at, bytes FROM closed ORDER BY number LIMIT ?"
_CLOSED = "SELECT number, record_id, events FROM closed JOIN record USING (number, record_id) ORDER BY number"

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class SpoolFull(NotDelivered):
    """Nothing can be written: the bound is reached, or the disk is full or broken."""


class Closed(NamedTuple):
    """A counted record that is still here; `counted_at`: seconds since 1970."""

    number: int
    counted_at: float
    size: int


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

    def __init__(
        self, directory: Path, most_bytes: int = MOST_BYTES, most_closed_bytes: int = MOST_CLOSED_BYTES
    ) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._most_closed_bytes = most_closed_bytes
        self._thread = ThreadPoolExecutor(1, "spool")
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._held: dict[int, tuple[int, int]] = {}
        self._last_number = 0
        self.bytes_used = 0
        self.events = 0
        self.closed_bytes = 0
        self.grew = asyncio.Event()

    async def __aenter__(self) -> "Spool":
        for number, size, events in await self._in_thread(self._open):
            self._hold(number, size, events)
        self._last_number = max(self._last_number, await self._in_thread(self._highest_number))
        self._writer = asyncio.create_task(self._write_for_ever())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._waiting.join()
        self._writer.cancel()
        await self._in_thread(self._connection.close)
        self._thread.shutdown()

    @property
    def last_number(self) -> int:
        """The highest number that was given out."""
        return self._last_number

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
        if not self._held:
            return []  # without looking at all that is closed
        lowest = next(iter(self._held))  # numbers ascend: those before it are all closed
        return await self._in_thread(partial(self._read, max(after, lowest - 1)))

    async def forget(self, numbers: Sequence[int]) -> None:
        """Close records: they are counted. Raises `SpoolFull` when the disk has no room for that."""
        now = time.time()
        closed = [Closed(number, now, self._held[number][0]) for number in numbers]
        await self._in_thread(partial(self._close, closed))
        self._release(numbers)

    async def drop_old(self, now: float) -> int:
        """Remove closed records that are too old, or the oldest where they are too many; the bytes that were.

        `now`: seconds since 1970. Raises `SpoolFull`.
        """
        dropped = 0
        while more := await self._in_thread(partial(self._drop_oldest, now, self._most_closed_bytes)):
            dropped += more
        return dropped

    async def rewrite(self, change: Callable[[Record], Record | None], after: int = 0) -> int:
        """Replace records, open and closed ones, by what `change` makes of them; None leaves one as it is.

        `after`: only those with a higher number. Nothing of a replaced record stays on the disk. Returns how
        many were replaced. Raises `SpoolFull`.
        """
        number, rewritten = after, 0
        while chunk := await self._in_thread(partial(self._read, number, _READ_ALL)):
            changed = [Spooled(each, new) for each, record in chunk if (new := change(record)) is not None]
            if changed:
                await self._in_thread(partial(self._rewrite, changed))
            rewritten += len(changed)
            number = chunk[-1].number
        return rewritten

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
        _prepare(self._connection)
        ((self.closed_bytes,),) = self._connection.execute("SELECT coalesce(sum(bytes), 0) FROM closed")
        return self._connection.execute(_OPEN).fetchall()

    def _highest_number(self) -> int:
        """Of all records, so that none is ever given out twice."""
        ((number,),) = self._connection.execute("SELECT coalesce(max(number), 0) FROM record")
        return int(number)

    def _commit(self, group: list[_Waiting]) -> SpoolFull | None:
        rows = [
            (number, record.record_id, record.topic, record.key, record.value, _text(record), record.events)
            for waiting in group
            for number, record in waiting.records
        ]
        try:
            self._insist(_INSERT, rows)
        except SpoolFull as failure:
            return failure
        return None

    def _insist(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One transaction: all rows or none. On a full disk closed records give way, the oldest first."""
        while True:
            try:
                return self._change((statement, rows))
            except SpoolFull:
                if not (dropped := self._drop_oldest(0.0, self.closed_bytes * 4 // 5)):
                    raise
                log.warning(
                    "the disk of the spool is full: %d bytes of counted records were dropped", dropped
                )

    def _change(self, *changes: tuple[str, Sequence[tuple[object, ...]]]) -> None:
        """Each statement with each of its rows, in one transaction. Raises `SpoolFull`."""
        try:
            with self._connection:
                for statement, rows in changes:
                    self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise SpoolFull(f"the spool cannot be written: {error}") from error

    def _rewrite(self, changed: Sequence[Spooled]) -> None:
        rows = [(record.value, _text(record), number) for number, record in changed]
        try:
            self._connection.execute("PRAGMA secure_delete = ON")  # the old text is written over
            self._insist(_REWRITE, rows)
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise SpoolFull(f"the spool cannot be written: {error}") from error

    def _read(self, after: int, statement: str = _READ) -> list[Spooled]:
        spooled = []
        size = 0
        for number, record_id, topic, key, value, headers, events in self._connection.execute(
            statement, (after, CHUNK_RECORDS)
        ):
            record = Record(record_id, topic, key, value, _headers(headers), events)
            spooled.append(Spooled(number, record))
            size += len(value)
            if size > CHUNK_BYTES:
                break
        return spooled

    def _close(self, closed: Sequence[Closed]) -> None:
        self._insist(_CLOSE, [(record.counted_at, record.size, record.number) for record in closed])
        self.closed_bytes += sum(record.size for record in closed)

    def _drop_oldest(self, now: float, most_bytes: int) -> int:
        """Remove some of the oldest closed records, if they are too old or too many; the bytes that were."""
        dropped: list[Closed] = []
        size = 0
        for record in map(Closed._make, self._connection.execute(_OLDEST_CLOSED, (CHUNK_RECORDS,))):
            if record.counted_at >= now - CLOSED_SECONDS and self.closed_bytes - size <= most_bytes:
                break
            dropped.append(record)
            size += record.size
        if not dropped:
            return 0
        numbers = [(record.number,) for record in dropped]
        newest = max(record.counted_at for record in dropped)
        self._change(
            ("DELETE FROM record WHERE number = ?", numbers),
            ("DELETE FROM closed WHERE number = ?", numbers),
            ("UPDATE complete SET since = max(since, ?)", [(newest,)]),
        )
        self.closed_bytes -= size
        return size


class Reopened(NamedTuple):
    """What a restored database gets again.

    `complete_since`: nothing that was counted after it lacks, in seconds since 1970.
    """

    records: int
    events: int
    complete_since: float


def reopen(directory: Path, counted: Callable[[Sequence[str]], set[str]]) -> Reopened:
    """Open the closed records again that a database does not know: the next door sends them as if never sent.

    `counted`: those of some record ids that are counted. Raises `SpoolFull` where a door runs on the spool.
    """
    records = events = 0
    try:
        with closing(sqlite3.connect(directory / FILE, timeout=1)) as connection:
            _prepare(connection)
            closed = connection.execute(_CLOSED).fetchall()
            for first in range(0, len(closed), CHUNK_RECORDS):
                chunk = closed[first : first + CHUNK_RECORDS]
                known = counted([record_id for _, record_id, _ in chunk])
                again = [(number, held) for number, record_id, held in chunk if record_id not in known]
                with connection:
                    connection.executemany("DELETE FROM closed WHERE number = ?", [row[:1] for row in again])
                records += len(again)
                events += sum(held for _, held in again)
            ((complete_since,),) = connection.execute("SELECT since FROM complete")
    except sqlite3.Error as error:
        raise SpoolFull(f"the spool in {directory} cannot be opened: {error}") from error
    return Reopened(records, events, complete_since)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.executescript(_SCHEMA)
    with connection:
        connection.execute(_BEGIN, (time.time(),))
        connection.execute(_FORGET_STRANGERS)


def _text(record: Record) -> str:
    return json.dumps([[name, value.decode()] for name, value in record.headers])


def _headers(text: str) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in json.loads(text)]
