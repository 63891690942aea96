"""How far the counting is behind what was accepted."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import Topic
from services.broker import client_arguments
from services.intake.broker_watch import BrokerWatch
from services.intake.database import Database, Unreachable
from services.intake.delivery import Delivery
from services.settings import Settings
from services.store.health import since_newest_batch
from services.store.offsets import next_offsets

KEPT_SECONDS = 1.0
ASKING_SECONDS = 2.0


class Lag(NamedTuple):
    """What is accepted and not counted, and how long nothing was counted although there is some.

    `events`: those in the spool, and the records that wait on the other topics. None: cannot be told now.
    """

    events: int | None
    freshness_seconds: float | None


class LagMeter:
    """Measures the lag; what waits on the topics at most once a second."""

    def __init__(
        self, settings: Settings, delivery: Delivery, watch: BrokerWatch, database: Database
    ) -> None:
        self._settings = settings
        self._delivery = delivery
        self._watch = watch
        self._database = database
        self._measuring = asyncio.Lock()
        self._measured_at = -KEPT_SECONDS
        self._waiting: int | None = None

    async def measure(self) -> Lag:
        """The lag now."""
        async with self._measuring:
            if time.monotonic() - self._measured_at > KEPT_SECONDS:
                self._waiting = await self._count_waiting()
                self._measured_at = time.monotonic()
        if self._waiting is None:
            return Lag(None, None)
        events = self._delivery.events + self._waiting
        if not events:
            return Lag(0, 0.0)
        try:
            return Lag(events, (await self._database.call(since_newest_batch)).total_seconds())
        except Unreachable:
            return Lag(events, None)

    async def _count_waiting(self) -> int | None:
        """The records on topics that the spool does not account for and that are not counted yet."""
        topics = [
            name for name in self._watch.topics if not self._settings.spool or Topic.of_name(name).integrator
        ]
        log_id = self._watch.log_id
        if log_id is None or not topics:
            return 0 if self._settings.spool else None
        try:
            async with asyncio.timeout(ASKING_SECONDS):
                begins, ends = await self._offsets(topics)
                counted = await self._database.call(
                    lambda connection: next_offsets(
                        connection, [(log_id, topic, partition) for topic, partition in ends]
                    )
                )
        except (KafkaError, Unreachable, OSError, TimeoutError):
            return None
        return sum(
            max(0, end - counted.get((log_id, topic, partition), begins[TopicPartition(topic, partition)]))
            for (topic, partition), end in ends.items()
        )

    async def _offsets(
        self, topics: Sequence[str]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """The first and the next offset of every partition."""
        async with AIOKafkaConsumer(**client_arguments(self._settings)) as consumer:
            # Asking for one partition of a topic makes the client learn the others.
            await consumer.end_offsets([TopicPartition(topic, 0) for topic in topics])
            partitions = [
                TopicPartition(topic, partition)
                for topic in topics
                for partition in consumer.partitions_for_topic(topic)
            ]
            return await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
