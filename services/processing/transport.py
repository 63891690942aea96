"""Faust's consumer, reading on from the offsets in the database instead of the group's."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from services.fail_points import fail_point
from services.processing.continuity import mismatch
from services.store.partitions import Reason

NextOffsets = Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]]
Stopped = Callable[[], Awaitable[set[TP]]]
OnStop = Callable[[TP, Reason, int, str], Awaitable[None]]


FETCH_WAIT_MILLISECONDS = 50


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

    What was fetched of a partition at once is one message.

    Faust calls `seek_to_committed` at the end of every rebalance and of its recovery, last of all seeks.
    """

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume all but those that are stopped: Faust resumes everything after a rebalance."""
        super().resume_partitions(set(tps) - cast(App, self.app).paused)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every assigned partition to the next record that is not counted yet.

        A partition whose log begins after that record, or ends before it, is stopped.
        """
        app = cast(App, self.app)
        assigned = [TP(topic, partition) for topic, partition in self.assignment()]
        if not assigned:
            app.joining_since = None
            return {}
        begins, ends = await self.earliest_offsets(*assigned), await self.highwaters(*assigned)
        known = await app.next_offsets(assigned)
        app.paused = await app.stopped_partitions() & set(assigned)
        app.noted = set(app.paused)
        offsets = {}
        for tp in assigned:
            offset = known.get(tp, 0)
            why = mismatch(offset, begins[tp], ends[tp] if app.ends_are_exact else None)
            if why is not None and tp not in app.paused:
                await app.stop_partition(tp, "log-mismatch", offset, why)
            if tp in app.paused:
                self.pause_partitions({tp})
                offset = max(begins[tp], min(offset, ends[tp]))  # a place that is there; nothing is read
            await self._seek(tp, offset)
            offsets[tp] = offset
        app.positions = {tp: offset for tp, offset in offsets.items() if tp not in app.paused}
        app.joining_since = None
        app.on_reading()
        return offsets

    async def _wait_next_records(self, timeout: float) -> Any:
        records, active = await super()._wait_next_records(timeout)
        return {tp: [fetched] for tp, fetched in (records or {}).items()}, active

    def _to_message(self, tp: TP, fetched: Sequence[ConsumerRecord[bytes, bytes]]) -> ConsumerMessage:
        """All that was fetched of a partition at once as one message, in the place of the last record.

        What Faust does for a message takes several times as long as all that we do for an event.
        """
        message = super()._to_message(tp, fetched[-1])
        message.value = cast(Any, fetched)
        return message

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
    `stopped_partitions`: tells which must not be read. `on_stop`: notes that one is not read on from an
    offset, and why. `paused`: those of ours that are not read; `noted`: of them, those that wait for an
    operator. `positions`: the offset that comes next in the others. `joining_since`: while this member waits
    for its partitions, since when (`time.monotonic`).
    """

    def __init__(
        self,
        *args: Any,
        next_offsets: NextOffsets,
        ends_are_exact: bool,
        on_reading: Callable[[], None],
        stopped_partitions: Stopped,
        on_stop: OnStop,
        **options: Any,
    ) -> None:
        self.next_offsets = next_offsets
        self.on_reading = on_reading
        self.ends_are_exact = ends_are_exact
        self.stopped_partitions = stopped_partitions
        self.paused: set[TP] = set()
        self.noted: set[TP] = set()
        self.positions: dict[TP, int] = {}
        self.joining_since: float | None = time.monotonic()
        self._on_stop = on_stop
        super().__init__(*args, **options)

    def on_rebalance_start(self) -> None:
        """Note since when the members of the group divide the partitions anew."""
        if self.joining_since is None:
            self.joining_since = time.monotonic()
        super().on_rebalance_start()

    async def stop_partition(self, tp: TP, reason: Reason, offset: int, why: str) -> None:
        """Read nothing more of a partition, of which `offset` is the first record that is not counted."""
        self.paused.add(tp)
        self.consumer.pause_partitions({tp})
        await self._on_stop(tp, reason, offset, why)
        if reason != "newer-schema":
            self.noted.add(tp)

    async def dropped(self, tp: TP, offset: int) -> str | None:
        """Why records from an offset on can no longer be read; None when the log holds what there was."""
        begin = (await self.consumer.earliest_offsets(tp))[tp]
        return mismatch(offset, begin, None)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)
