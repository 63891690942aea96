"""The Faust app: one agent for each kind, batches acknowledged after their commit."""

import asyncio
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import faust
import psycopg
from aiokafka.structs import ConsumerRecord
from faust.types import TP, EventT, StreamT

from schemas.catalogue import KINDS
from schemas.topics import SCHEMA, Topic, topics_of_kind
from services.broker import addresses, ssl_context
from services.errors import UserError
from services.fail_points import fail_point
from services.processing.batches import Judged, Writer
from services.processing.records import LATEST_TIMESTAMP, Record
from services.processing.reject_runs import Limits
from services.processing.transport import App
from services.settings import Settings
from services.store.configuration import Configuration
from services.store.connection import connect_async
from services.store.ledger import Span
from services.store.offsets import next_offsets
from services.store.partitions import Reason, stop_partition, stopped_partitions

log = logging.getLogger(__name__)

Event = EventT[bytes]


class Fetch(NamedTuple):
    """What was fetched of a partition at once, as Faust has it and as we read it."""

    event: Event
    records: list[Record]


GROUP = "groenmeter-processors"
MOST_FETCHES = 8  # of a megabyte each when much waits
MOST_BYTES = 3_000_000
GATHER_SECONDS = 0.05
BATCHES_AHEAD = 2  # judged and not committed: while one waits for the database there is always work
SESSION_SECONDS = 6
BUFFERED_FETCHES = 8


def create_app(settings: Settings, log_id: str, configuration: Configuration) -> App:
    """The app that reads the log of this id, for the integrators of this configuration."""
    dsn = database_url(settings)

    async def offsets(partitions: Iterable[TP]) -> Mapping[TP, int]:
        async with await connect_async(dsn, "writer") as connection:
            known = await next_offsets(connection, [(log_id, tp.topic, tp.partition) for tp in partitions])
        return {TP(topic, partition): offset for (_, topic, partition), offset in known.items()}

    async def stopped() -> set[TP]:
        async with await connect_async(dsn, "writer") as connection:
            return await unread_partitions(connection, log_id)

    async def on_stop(tp: TP, reason: Reason, offset: int, why: str) -> None:
        log.error("%s/%d is not read on: %s (`groenmeter partitions`)", tp.topic, tp.partition, why)
        async with await connect_async(dsn, "writer") as connection:
            await stop_partition(
                connection,
                log_id,
                tp.topic,
                tp.partition,
                reason=reason,
                next_offset=offset,
                detail=why,
                worker=settings.worker_name,
            )

    directory = settings.home / "faust"  # Faust wants one, though nothing of ours is kept in it
    directory.mkdir(parents=True, exist_ok=True)

    def ready() -> None:
        if settings.ready_file is not None:
            settings.ready_file.touch()

    app = App(
        GROUP,
        next_offsets=offsets,
        ends_are_exact=settings.spool is None,
        on_reading=ready,
        stopped_partitions=stopped,
        on_stop=on_stop,
        broker=[f"kafka://{address}" for address in addresses(settings)],
        broker_credentials=credentials(settings),
        value_serializer="raw",
        key_serializer="raw",
        store="memory://",
        datadir=str(directory),
        web_enabled=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_FETCHES,
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=SESSION_SECONDS / 3,
        broker_commit_interval=1.0,
        debug=False,
        loghandlers=[],
    )

    async def on_alarm(span: Span, why: str) -> None:
        # The door judged what is on its own topics already: those are read on.
        if Topic.of_name(span.topic).integrator is not None:
            await app.stop_partition(TP(span.topic, span.partition), "rejects", span.last + 1, why)

    limits = Limits(settings.rejects_in_a_row, settings.rejects_share, settings.rejects_window)
    for kind in KINDS:
        names = [topic.name for topic in topics_of_kind(kind, configuration.current.organisation.integrators)]
        writer = Writer(dsn, settings.worker_name, limits, on_alarm, configuration)
        _add_agent(app, kind, names, log_id, writer)
    return app


async def unread_partitions(connection: psycopg.AsyncConnection, log_id: str) -> set[TP]:
    """The partitions of this log that nobody reads until an operator says so."""
    rows = await stopped_partitions(connection, log_id)
    return {TP(row.topic, row.partition) for row in rows if not row.waits_for_upgrade}


def _add_agent(app: App, kind: str, names: list[str], log_id: str, writer: Writer) -> None:
    ahead, writing = asyncio.Semaphore(BATCHES_AHEAD), asyncio.Lock()
    counting: set[asyncio.Task[None]] = set()

    async def process(stream: StreamT[bytes]) -> None:
        # No exception may leave the body: Faust would acknowledge what was not counted.
        try:
            async for events in cast(faust.Stream[Event], stream).noack_take(
                MOST_FETCHES, within=GATHER_SECONDS
            ):
                fetched = [Fetch(event, _records(event, log_id)) for event in events]
                for part in portions(await _to_be_counted(app, fetched)):
                    judged = await writer.judge(_all_records(part))
                    await ahead.acquire()
                    task = asyncio.create_task(count(stream, part, judged))
                    counting.add(task)
                    task.add_done_callback(counting.discard)
        except asyncio.CancelledError:
            raise
        except BaseException:
            die(f"the processor of {kind} failed")

    async def count(stream: StreamT[bytes], part: Sequence[Fetch], judged: Judged) -> None:
        try:
            async with writing:  # in the order in which they were read
                left = [fetch for fetch in part if fetch.event.message.tp not in app.paused]
                if len(left) < len(part):
                    judged = await writer.judge(_all_records(left))
                await writer.write(judged)
            fail_point("before-ack")
            for fetch in left:
                await stream.ack(fetch.event)
        except asyncio.CancelledError:
            raise
        except BaseException:
            die(f"the processor of {kind} failed")
        finally:
            ahead.release()

    app.agent(app.topic(*names, value_type=bytes, key_type=bytes), name=kind, concurrency=1)(process)


def portions(fetched: Sequence[Fetch]) -> Iterator[list[Fetch]]:
    """What was fetched in parts that fit one transaction."""
    part: list[Fetch] = []
    size = 0
    for fetch in fetched:
        length = sum([len(record.value) for record in fetch.records])
        if part and size + length > MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(fetch)
        size += length
    if part:
        yield part


def _all_records(part: Iterable[Fetch]) -> list[Record]:
    return [record for fetch in part for record in fetch.records]


async def _to_be_counted(app: App, fetched: Sequence[Fetch]) -> list[Fetch]:
    """What was fetched, without that of partitions which are not read on; two sorts are stopped here.

    A partition of which the log dropped what nobody counted is stopped: a consumer whose place is gone reads
    on at the beginning of what is left. Where the producer is transactional there are offsets without a
    record, and nothing is amiss. And a partition that holds a record of a newer version is stopped: the new
    version of this process, which is to be started before the new doors, goes on where the counted ones end.
    """
    stopped: set[TP] = set()
    for event, records in fetched:
        tp = event.message.tp
        for record in records:
            if tp in app.paused or tp in stopped:
                break
            expected = app.positions.get(tp, record.offset)
            if record.offset > expected and app.ends_are_exact and (why := await app.dropped(tp, expected)):
                stopped.add(tp)
                await app.stop_partition(tp, "log-mismatch", expected, why)
            elif record.door is not None and record.door.schema > SCHEMA:
                stopped.add(tp)
                why = (
                    f"the record at offset {record.offset} has schema {record.door.schema}, newer than mine "
                    f"({SCHEMA}); upgrade the processors"
                )
                await app.stop_partition(tp, "newer-schema", record.offset, why)
            else:
                app.positions[tp] = record.offset + 1
    return [fetch for fetch in fetched if fetch.event.message.tp not in app.paused | stopped]


def _records(event: Event, log_id: str) -> list[Record]:
    fetched = cast(Sequence[ConsumerRecord[bytes, bytes]], event.message.value)
    return [
        Record(
            log=log_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=min(max((record.timestamp or 0) * 1000, 0), LATEST_TIMESTAMP),
            value=record.value or b"",
            headers={name: value or b"" for name, value in record.headers},
        )
        for record in fetched
    ]


def database_url(settings: Settings) -> str:
    """The DSN of this process. Raises `UserError` where none is set."""
    if settings.database_url is None:
        raise UserError(
            "no database: set GROENMETER_DATABASE_URL, or start the local stack with `groenmeter up`"
        )
    return settings.database_url.get_secret_value()


def credentials(settings: Settings) -> Any:
    """The broker's login in Faust's words; None for a plain connection."""
    protocol, _, mechanism = settings.broker_security.partition(":")
    context = ssl_context(settings)
    if mechanism and settings.broker_password is not None:
        return faust.SASLCredentials(
            username=settings.broker_user,
            password=settings.broker_password.get_secret_value(),
            mechanism=mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if protocol == "SSL" else None


def die(reason: str) -> None:
    """End the process at once; the supervisor starts it again at the offsets of the last commit."""
    log.critical("%s; this process ends and is started again", reason, exc_info=True)
    logging.shutdown()
    os._exit(1)
