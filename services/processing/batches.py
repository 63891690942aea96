"""From records to a committed batch: judge, write, and what to do when writing fails.

While a batch is written the next one is judged: the database has a core of its own. Nothing is acknowledged
before it is committed. Trouble with the database is waited out in place. A row that the database refuses
becomes a reject; anything else ends the process, which begins again at the offsets of the last commit.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

import psycopg

from schemas.problems import Problem
from services.fail_points import fail_point
from services.processing.records import Judge, Record
from services.processing.reject_runs import Limits, RejectRun
from services.store.configuration import Configuration, load_configuration
from services.store.connection import connect_async
from services.store.ledger import Accepted, Batch, FencedError, Ledger, Reject, Span
from services.store.offsets import Partition, newest_version, next_offsets
from services.store.rejects import note_alarm

OnAlarm = Callable[[Span, str], Awaitable[None]]

log = logging.getLogger(__name__)

_RETRY_CLASSES = ("08", "40", "53", "57", "58")
_READ_ONLY = "25006"
_DATA_CLASSES = ("22", "23")
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
_EVENTS_AT_A_TIME = 25  # about a millisecond: the database may have answered, and writing goes first


@dataclass(slots=True)
class Judged:
    """Records, and what becomes of their events by this version of the configuration.

    `rejected`: for each event of a partition, whether it is a reject.
    """

    records: Sequence[Record]
    batch: Batch
    version: int
    rejected: defaultdict[Partition, list[bool]] = field(default_factory=lambda: defaultdict(list))


class Writer:
    """Writes the batches of one agent over one connection, which it makes again when it breaks.

    `on_alarm`: told the records of a partition that were counted last, and why its rejects are too many now.
    """

    def __init__(
        self, dsn: str, worker: str, limits: Limits, on_alarm: OnAlarm, configuration: Configuration
    ) -> None:
        self._limits = limits
        self._on_alarm = on_alarm
        self._runs: dict[Partition, RejectRun] = {}
        self._dsn = dsn
        self._worker = worker
        self._connection: psycopg.AsyncConnection | None = None
        self._judge = Judge(configuration)
        self._ledger: Ledger | None = None

    async def judge(self, records: Sequence[Record]) -> Judged:
        """What becomes of each event of the records, by the newest configuration that is known here."""
        fail_point("before-parse")
        judge = self._judge
        version = judge.configuration.current.number
        judged = Judged(records, Batch(self._worker, spans=spans(records)), version)
        batch, waiting = judged.batch, 0
        for record in records:
            rejected = judged.rejected[record.log, record.topic, record.partition]
            if record.door:
                batch.receipts[record.door.record_id] = record.door.receipt
            if record.replay:
                batch.replays[record.replay.receipt] = record.replay
            for found in judge.judge(record):
                if isinstance(found, Accepted):
                    batch.accepted.append(found)
                    rejected.append(False)
                else:
                    batch.rejects.append(found)
                    rejected.append(True)
                waiting += 1
                if waiting == _EVENTS_AT_A_TIME:
                    waiting = 0
                    await asyncio.sleep(0)
        return judged

    async def write(self, judged: Judged) -> None:
        """Return when every event of the records is in the ledger, a repeat, or in the rejects.

        Raises whatever is neither trouble with the database nor a fault of the data.
        """
        wait = _FIRST_WAIT
        fenced: Sequence[Span] = ()
        while judged.records:
            try:
                if fenced:
                    judged, fenced = await self._not_counted(judged.records, fenced), ()
                else:
                    await self._write_once(judged)
                    return
            except FencedError as error:
                fenced = error.spans
            except psycopg.Error as error:
                if not _is_outage(error):
                    raise
                log.warning("the database cannot take a batch now (%s); trying again", _summary(error))
                await self._disconnect()
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    async def _write_once(self, judged: Judged) -> None:
        connection, ledger, newest = await self._ready()
        if judged.version != newest:
            judged = await self.judge(judged.records)
        batch = judged.batch
        try:
            await ledger.record(batch)
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(_DATA_CLASSES):
                raise
            log.exception("the database refuses something in a batch; looking for it event by event")
            await self._reject_unstorable(connection, ledger, batch)
            await ledger.record(batch)
        await self._watch_rejects(connection, batch.spans, judged.rejected)

    async def _watch_rejects(
        self,
        connection: psycopg.AsyncConnection,
        counted: Sequence[Span],
        outcomes: Mapping[Partition, list[bool]],
    ) -> None:
        """Raise an alarm where rejects became too many, with what was counted up to then."""
        for span in counted:
            partition = (span.log, span.topic, span.partition)
            if partition not in self._runs and not any(outcomes[partition]):
                continue
            run = self._runs.setdefault(partition, RejectRun(self._limits))
            if why := run.follow(outcomes[partition]):
                log.error(
                    "ALARM: %s/%d: %s up to offset %d; `groenmeter rejects` says what is wrong",
                    *(span.topic, span.partition, why, span.last),
                )
                await note_alarm(connection, partition, span.last + 1, why)
                await self._on_alarm(span, why)

    async def _reject_unstorable(
        self, connection: psycopg.AsyncConnection, ledger: Ledger, batch: Batch
    ) -> None:
        """Move the events that the database refuses to the rejects, by trying each in vain."""
        storable = []
        for item in batch.accepted:
            try:
                async with connection.transaction(force_rollback=True):
                    await ledger.record(Batch(batch.worker, accepted=[item]))
                storable.append(item)
            except psycopg.DataError as error:
                batch.rejects.append(_unstorable(item, error))
            except psycopg.IntegrityError as error:
                batch.rejects.append(_unstorable(item, error))
        batch.accepted = storable

    async def _ready(self) -> tuple[psycopg.AsyncConnection, Ledger, int]:
        """A connection, its ledger, and the version of the configuration that we judge by from now on."""
        if self._connection is None:
            self._connection = await connect_async(self._dsn, "writer")
            self._ledger = None
        newest = await newest_version(self._connection)
        if self._judge.configuration.current.number != newest:
            self._judge = Judge(await asyncio.to_thread(load_configuration, self._dsn))
            self._ledger = None
        if self._ledger is None:
            self._ledger = Ledger(self._connection, self._judge.configuration.calendar)
        return self._connection, self._ledger, newest

    async def _not_counted(self, records: Sequence[Record], fenced: Sequence[Span]) -> Judged:
        """The records, judged again, without those that were counted already."""
        connection, _, _ = await self._ready()
        known = await next_offsets(connection, {(span.log, span.topic, span.partition) for span in fenced})
        left = [
            record
            for record in records
            if record.offset >= known.get((record.log, record.topic, record.partition), 0)
        ]
        log.info("%d records were counted already", len(records) - len(left))
        return await self.judge(left)

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        self._connection = None


def spans(records: Iterable[Record]) -> list[Span]:
    """The offsets that the records cover, for each partition."""
    found: dict[Partition, Span] = {}
    for partition, fetched in groupby(records, key=attrgetter("log", "topic", "partition")):
        offsets = [record.offset for record in fetched]
        first = found[partition].first if partition in found else offsets[0]
        found[partition] = Span(*partition, first, offsets[-1])
    return list(found.values())


def _is_outage(error: psycopg.Error) -> bool:
    """Whether waiting may help: no connection, a conflict of transactions, resources, a shutdown."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_RETRY_CLASSES) or error.sqlstate == _READ_ONLY


def _unstorable(item: Accepted, error: psycopg.Error) -> Reject:
    measurement = item.measurement
    problem = Problem(
        "", f"the database cannot store it ({_summary(error)})", None, "please report this: a fault of ours"
    )
    return Reject(
        item.provenance, (problem,), measurement.kind, measurement.team, measurement.source, measurement.id
    )


def _summary(error: psycopg.Error) -> str:
    return f"{error.sqlstate or type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
