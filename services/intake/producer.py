"""Sending records to the broker, acknowledged by all in-sync replicas.

Not with Kafka's idempotent producer: a record has an id for ever and the processors count it once however
often it was sent; and the embedded broker knows no idempotent producers.
"""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

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
    producer = AIOKafkaProducer(
        **client_arguments(settings),
        acks="all",
        client_id="groenmeter-door",
        max_batch_size=_BATCH_BYTES,
        request_timeout_ms=int(ACKNOWLEDGED_SECONDS * 1000),
    )
    try:
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


class DirectDelivery:
    """Straight to a broker that keeps what it acknowledges; requests share one producer."""

    has_room = True
    events = 0

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._starting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None

    async def deliver(self, records: Sequence[Record]) -> None:
        """Send records and wait until each is acknowledged. Raises `NotDelivered`."""
        try:
            await send(await self._started(), records)
        except SENDING_ERRORS as error:
            log.warning("%d records were not acknowledged: %s", len(records), type(error).__name__)
            await self.close()
            raise NotDelivered("the broker did not acknowledge in time") from error

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                self._producer = await start_producer(self._settings)
            return self._producer

    async def close(self) -> None:
        """End the producer; the next request begins with a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
