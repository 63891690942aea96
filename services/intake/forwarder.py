"""From the spool to the embedded broker, and out of the spool when the processors have counted it."""

import asyncio
import itertools
import logging
import time
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from services.fail_points import fail_point
from services.intake.broker_watch import BrokerWatch
from services.intake.database import Database, Unreachable
from services.intake.producer import SENDING_ERRORS, send, start_producer
from services.intake.spool import Spool, SpoolFull
from services.settings import Settings
from services.store.receipts import counted_records

LOOK_SECONDS = 0.1
RETRY_SECONDS = 0.5
SILENT_SECONDS = 30.0
OVERTAKEN_SECONDS = 300.0  # in a backlog one partition may be minutes behind the others
LOOKED_AT = 1000
MOST_PATIENCE = 8
DROP_SECONDS = 60.0

log = logging.getLogger(__name__)


class _Sent(NamedTuple):
    """A record that the broker acknowledged, and when (monotonic seconds)."""

    record_id: str
    moment: float


class Forwarder:
    """Sends what is in the spool, and forgets what is counted.

    Counted is what the processors say so of, never what an offset suggests. Everything is sent again to a
    new log, and, as a last net, when it stays uncounted without an apparent reason: that is harmless,
    because a record is counted once however often it is sent.
    """

    def __init__(self, settings: Settings, spool: Spool, watch: BrokerWatch, database: Database) -> None:
        self._settings = settings
        self._spool = spool
        self._watch = watch
        self._database = database
        self._position = 0
        self._sent: dict[int, _Sent] = {}  # in the order of their moments
        self._patience = 1  # times as long when what was sent again stays uncounted too
        self._looked = 0  # how many at the beginning of `_sent` were looked at in vain
        self._newest_counted = 0.0  # when the newest of those counted had been sent
        self._last_progress = 0.0
        self._dropped_at = 0.0

    async def forward(self) -> None:
        """Send for ever, to each log from the beginning of the spool."""
        log_id = None
        while True:
            log_id = await self._watch.another_log(than=log_id)
            self._position = 0
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._send_for_ever())
                await self._watch.another_log(than=log_id)
                sending.cancel()

    async def count(self) -> None:
        """Forget what is counted, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._drop_old()
            if not self._sent:
                self._patience = 1
                continue
            try:
                await self._forget_counted()
            except Unreachable:
                self._last_progress = time.monotonic()
            except SpoolFull as failure:
                log.warning("%s", failure)
            if self._sent and self._is_overdue(time.monotonic()):
                log.warning("%d records stay uncounted: everything is sent again", len(self._sent))
                self._patience = min(2 * self._patience, MOST_PATIENCE)
                self._position = 0
                self._spool.grew.set()

    async def _send_for_ever(self) -> None:
        while True:
            try:
                producer = await start_producer(self._settings)
                try:
                    while True:
                        await self._send_next(producer)
                finally:
                    await producer.stop()
            except SENDING_ERRORS as error:
                log.warning("sending to the broker failed and is tried again: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _send_next(self, producer: AIOKafkaProducer) -> None:
        """Send the next records, or wait until there are some."""
        self._spool.grew.clear()
        position = self._position
        spooled = await self._spool.read(after=position)
        if not spooled:
            await self._spool.grew.wait()
            return
        fail_point("before-forward")
        await send(producer, [record for _, record in spooled])
        fail_point("after-forward")
        moment = time.monotonic()
        for number, record in spooled:
            if self._spool.holds(number):
                self._sent.pop(number, None)
                self._sent[number] = _Sent(record.record_id, moment)
        if self._position == position:  # not set back meanwhile
            self._position = spooled[-1].number

    async def _forget_counted(self) -> None:
        # All of the oldest may be of one partition that is behind the others.
        looked_at = dict(itertools.islice(self._sent.items(), self._looked, self._looked + LOOKED_AT))
        self._looked += len(looked_at)
        if self._looked >= len(self._sent):
            self._looked = 0
        record_ids = [sent.record_id for sent in looked_at.values()]
        counted = await self._database.call(lambda connection: counted_records(connection, record_ids))
        numbers = [number for number, sent in looked_at.items() if sent.record_id in counted]
        if not numbers:
            return
        self._looked = 0
        fail_point("before-forget")
        await self._spool.forget(numbers)
        self._last_progress = time.monotonic()
        self._newest_counted = max(self._newest_counted, looked_at[numbers[-1]].moment)
        for number in numbers:
            self._sent.pop(number, None)

    async def _drop_old(self) -> None:
        """Once a minute: what was counted long ago is no longer kept."""
        if time.monotonic() - self._dropped_at < DROP_SECONDS:
            return
        self._dropped_at = time.monotonic()
        try:
            await self._spool.drop_old(time.time())
        except SpoolFull as failure:
            log.warning("%s", failure)

    def _is_overdue(self, now: float) -> bool:
        """Whether the oldest record was overtaken by much younger ones, or nothing at all is counted."""
        oldest = next(iter(self._sent.values())).moment
        overtaken = self._newest_counted - oldest
        silence = now - max(oldest, self._last_progress)
        return overtaken > OVERTAKEN_SECONDS * self._patience or silence > SILENT_SECONDS * self._patience
