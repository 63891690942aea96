"""Faust's consumer, reading on from the offsets in the database instead of the group's."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.fail_points import fail_point

NextOffsets = Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]]


FETCH_WAIT_MILLISECONDS = 50


class LogMismatchError(RuntimeError):
    """The log does not hold the offset that we must read on from; reading elsewhere would skip or guess."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Asks the broker for records often enough that a post is in the totals within a second.

    Faust fixes the longest wait of a fetch at 1.5 s, and the embedded broker answers only when it is over.
    """

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MILLISECONDS
        return consumer


class Consumer(driver.Consumer):
    """Seeks to the database's offsets after every assignment, whatever the group committed.

    Faust calls `seek_to_committed` at the end of every rebalance and of its recovery, last of all seeks.
    """

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every assigned partition to the next record that is not counted yet.

        Raises `LogMismatchError` when the log begins after that record or ends before it.
        """
        assigned = [TP(topic, partition) for topic, partition in self.assignment()]
        if not assigned:
            return {}
        begins, ends = await self.earliest_offsets(*assigned), await self.highwaters(*assigned)
        app = cast(App, self.app)
        known = await app.next_offsets(assigned)
        offsets = {}
        for tp in assigned:
            offset = known.get(tp, begins[tp])
            if offset < begins[tp] or (app.ends_are_exact and offset > ends[tp]):
                raise LogMismatchError(
                    f"{tp.topic}/{tp.partition}: the next record to count is {offset}, but the log holds "
                    f"{begins[tp]} to {ends[tp]}. Was the topic made anew, or did it drop records that "
                    "were not counted? Nothing is skipped by guessing: see the README."
                )
            await self._seek(tp, offset)
            offsets[tp] = offset
        app.on_reading()
        return offsets

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        fail_point("before-group-commit")
        return await super()._commit(offsets)


class Transport(driver.Transport):
    """Kafka through aiokafka with our consumer."""

    Consumer = Consumer


class App(faust.App):
    """A Faust app whose offsets are kept by somebody else: `next_offsets` tells them.

    `ends_are_exact`: whether the broker tells where a log ends. The embedded one does not: it counts the last
    batch of a producer as one record. `on_reading`: called when every assigned partition is in its place.
    `paused`: partitions that hold a record of a newer version.
    """

    def __init__(
        self,
        *args: Any,
        next_offsets: NextOffsets,
        ends_are_exact: bool,
        on_reading: Callable[[], None],
        **options: Any,
    ) -> None:
        self.next_offsets = next_offsets
        self.on_reading = on_reading
        self.ends_are_exact = ends_are_exact
        self.paused: set[TP] = set()
        super().__init__(*args, **options)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)
