"""How far the counting is behind what was accepted."""

import asyncio
import time
from collections.abc import Collection
from typing import NamedTuple

import psycopg
from aiokafka.errors import KafkaError

from schemas.topics import Topic
from services.broker import bounds
from services.intake.broker_watch import BrokerWatch
from services.intake.database import Database, Unreachable
from services.intake.delivery import Delivery
from services.settings import Settings
from services.store.health import since_newest_batch
from services.store.offsets import next_offsets
from services.store.partitions import stopped_partitions

KEPT_SECONDS = 1.0
ASKING_SECONDS = 2.0


class Lag(NamedTuple):
    """What is accepted and not counted, and how long nothing was counted although there is some.

    `events`: those in the spool, and the records that wait on the other topics. `stopped`: the number of
    partitions that are not read. None: cannot be told now.
    """

    events: int | None
    freshness_seconds: float | None
    stopped: int | None


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
        self._stopped: int | None = None

    async def measure(self) -> Lag:
        """The lag now."""
        async with self._measuring:
            if time.monotonic() - self._measured_at > KEPT_SECONDS:
                self._waiting = await self._count_waiting()
                self._stopped = await self._count_stopped()
                self._measured_at = time.monotonic()
        if self._waiting is None:
            return Lag(None, None, self._stopped)
        events = self._delivery.events + self._waiting
        if not events:
            return Lag(0, 0.0, self._stopped)
        try:
            age = await self._database.call(since_newest_batch)
        except Unreachable:
            return Lag(events, None, self._stopped)
        return Lag(events, age.total_seconds(), self._stopped)

    async def _count_stopped(self) -> int | None:
        """The partitions of this log that are not read."""
        log_id = self._watch.log_id
        if log_id is None:
            return None
        try:
            return len(await self._database.call(lambda connection: stopped_partitions(connection, log_id)))
        except Unreachable:
            return None

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
                return await self._database.call(
                    lambda connection: records_waiting(self._settings, connection, log_id, topics)
                )
        except (KafkaError, Unreachable, OSError, TimeoutError):
            return None


async def records_waiting(
    settings: Settings, connection: psycopg.AsyncConnection, log_id: str, topics: Collection[str]
) -> int:
    """How many records on these topics of a log are not counted."""
    held = await bounds(settings, topics)
    wanted = [(log_id, topic, partition) for topic, partition in held]
    counted = await next_offsets(connection, wanted)
    return sum(
        max(0, end - counted.get((log_id, topic, partition), begin))
        for (topic, partition), (begin, end) in held.items()
    )
