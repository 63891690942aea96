"""Sending records to the broker, acknowledged by all in-sync replicas.

A record has an id for ever and the processors count it once however often it was sent. Kafka's idempotent
producer, on a broker that knows it, keeps most repeats out of the log in the first place.
"""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError, ProducerClosed, UnknownError

from schemas.topics import LARGEST_RECORD
from services.broker import client_arguments
from services.intake.delivery import NotDelivered
from services.intake.records import Record
from services.settings import Settings

ACKNOWLEDGED_SECONDS = 10.0
SENDING_ERRORS = (KafkaError, OSError, TimeoutError)
_BATCH_BYTES = LARGEST_RECORD + 50_000

log = logging.getLogger(__name__)


async def start_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer that runs, to be stopped by the caller. Raises `SENDING_ERRORS`."""
    if settings.spool is None:
        try:
            return await _start(settings, idempotent=True)
        except (UnknownError, ClusterAuthorizationFailedError) as error:
            log.info("no idempotent producer on this broker (%s): retries may repeat a record", error)
    return await _start(settings, idempotent=False)


async def _start(settings: Settings, *, idempotent: bool) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        **client_arguments(settings),
        acks="all",
        enable_idempotence=idempotent,
        client_id="groenmeter-door",
        max_batch_size=_BATCH_BYTES,
        request_timeout_ms=int(ACKNOWLEDGED_SECONDS * 1000),
    )
    try:
        async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
            await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def send(producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
    """Send records and wait until each is acknowledged. Raises `SENDING_ERRORS`."""
    async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
        acknowledgements = [
            await producer.send(record.topic, record.value, record.key, headers=record.headers)
            for record in records
        ]
        await asyncio.gather(*acknowledgements)


async def end_producer(producer: AIOKafkaProducer) -> None:
    """End a producer; what it cannot deliver in time it gives up. An idempotent one would try for ever."""
    stopping = asyncio.create_task(producer.stop())
    done, _ = await asyncio.wait({stopping}, timeout=ACKNOWLEDGED_SECONDS)
    if not done:
        await producer._sender.close()
        producer._message_accumulator.fail_all(ProducerClosed())
    await stopping


class DirectDelivery:
    """Straight to a broker that keeps what it acknowledges; requests share one producer."""

    has_room = True
    events = 0

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._starting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def deliver(self, records: Sequence[Record]) -> None:
        """Send records and wait until each is acknowledged. Raises `NotDelivered`."""
        producer = None
        try:
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
                producer = await self._started()
                await send(producer, records)
        except SENDING_ERRORS as error:
            log.warning("%d records were not acknowledged: %s", len(records), type(error).__name__)
            self._replace(producer)
            raise NotDelivered("the broker did not acknowledge in time") from error

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                self._producer = await start_producer(self._settings)
            return self._producer

    def _replace(self, producer: AIOKafkaProducer | None) -> None:
        """Let the next request begin with a new producer; nobody waits for the end of the old one."""
        if producer is not None and producer is self._producer:
            self._producer = None
            task = asyncio.create_task(end_producer(producer))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End every producer."""
        self._replace(self._producer)
        if self._ending:
            await asyncio.wait(self._ending)
