"""Ends a processor that cannot go on rightly, so that it is started again from the database's offsets.

Faust's supervisors hide crashes and its consumers can die slowly; the embedded broker may begin a new log
under our feet, and lets a group wait for ever for a leader that left it. Liveness is progress, not a process
that is up.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psycopg
from aiokafka.errors import KafkaError
from faust.types import TP

from services.broker import Administration
from services.processing.app import GROUP, database_url, unread_partitions
from services.processing.continuity import mismatch
from services.processing.transport import App
from services.settings import Settings
from services.store.connection import connect_async
from services.store.offsets import current_integrators

log = logging.getLogger(__name__)

_CHECK_SECONDS = 1.0
_ROUND_SECONDS = 30.0  # then what does not answer is connected to anew, and a crash of Faust is looked for
_STALL_CHECK_SECONDS = 15.0
_STALLED_SECONDS = 90.0
_FORGOTTEN_AFTER_SECONDS = 30.0  # a healthy group is divided within 15
_JOINING_SECONDS = 180.0


class EndedError(RuntimeError):
    """Why this process must begin again."""


async def watch(app: App, settings: Settings, log_id: str, integrators: frozenset[str]) -> None:
    """Return never; raise `EndedError` when the app crashed, the log is another, or nothing moves.

    Also when the organisation has other integrators: their topics are subscribed to at the start.
    """
    progress = _Progress(app, time.monotonic)
    joining = _Joining(app, time.monotonic)
    # Connections are kept: making them each second took a twentieth of the event loop's time.
    while True:
        await _pause(app)
        try:
            async with Administration(settings) as broker:
                await _same_log(broker, log_id, settings)
                async with await connect_async(database_url(settings), "writer") as database:
                    while True:
                        async with asyncio.timeout(_ROUND_SECONDS):
                            await _same_log(broker, log_id, settings)
                            if await current_integrators(database) != integrators:
                                raise EndedError("there are other integrators, with topics of their own")
                            if not joining.goes_on():
                                await _check_stopped(app, database, log_id)
                                await progress.check()
                            elif settings.spool is not None and joining.needs_a_new_group():
                                log.warning(
                                    "no partitions were given out; the group of the processors is made anew"
                                )
                                await broker.forget_group(GROUP)
                        await _pause(app)
        except (KafkaError, psycopg.OperationalError, OSError) as error:
            log.warning("broker or database does not answer (%s); waiting", type(error).__name__)


async def _pause(app: App) -> None:
    await asyncio.sleep(_CHECK_SECONDS)
    if app.crashed:
        raise EndedError(f"Faust crashed: {app.crash_reason!r}")


async def _same_log(broker: Administration, log_id: str, settings: Settings) -> None:
    if (current := await broker.log_id()) != log_id:
        if settings.spool is not None:
            with suppress(KafkaError, OSError):  # we joined its group: who comes next would wait for us
                await broker.forget_group(GROUP)
        raise EndedError(f"the broker began a new log: {current} instead of {log_id}")


async def _check_stopped(app: App, database: psycopg.AsyncConnection, log_id: str) -> None:
    """Raise `EndedError` when a partition of ours is to be read again, or no longer."""
    assigned = {TP(*tp) for tp in app.consumer.assignment()}
    noted = app.noted & assigned
    wanted = await unread_partitions(database, log_id) & assigned
    if wanted - app.paused:
        raise EndedError(f"{_names(wanted - app.paused)} must not be read on")
    if resumed := noted - wanted:
        raise EndedError(f"{_names(resumed)} is read on")


def _names(partitions: Iterable[TP]) -> str:
    return ", ".join(f"{topic}/{partition}" for topic, partition in sorted(partitions))


class _Joining:
    """Whether this member waits for its partitions, and whether that takes too long."""

    def __init__(self, app: App, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._forgotten_at = clock()

    def goes_on(self) -> bool:
        """Whether it waits. Raises `EndedError` when that lasts so long that Faust must be at fault."""
        since = self._app.joining_since
        if since is not None and self._clock() - since > _JOINING_SECONDS:
            raise EndedError(f"no partitions were given out for {self._clock() - since:.0f} s")
        return since is not None

    def needs_a_new_group(self) -> bool:
        """Whether it waits so long that the broker must be at fault; not again soon after that was said."""
        now = self._clock()
        since = max(self._forgotten_at, self._app.joining_since or now)
        if now - since < _FORGOTTEN_AFTER_SECONDS:
            return False
        self._forgotten_at = now
        return True


class _Progress:
    """Whether the database's offsets move while there is something to read."""

    def __init__(self, app: App, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._checked = self._moved = clock()
        self._seen: dict[TP, int] = {}

    async def check(self) -> None:
        """Raise `EndedError` when records wait and none was counted for a long time."""
        now = self._clock()
        if now - self._checked < _STALL_CHECK_SECONDS:
            return
        self._checked = now
        assigned = [TP(*tp) for tp in self._app.consumer.assignment() if tp not in self._app.paused]
        if not assigned:
            self._moved = now
            return
        counted = dict(await self._app.next_offsets(assigned))
        begins = await self._app.consumer.earliest_offsets(*assigned)
        ends = await self._app.consumer.highwaters(*assigned)
        for tp in assigned:
            end = ends[tp] if self._app.ends_are_exact else None
            why = mismatch(counted.get(tp, 0), begins[tp], end)
            if why is not None:
                raise EndedError(f"{tp.topic}/{tp.partition}: {why}")
        waiting = sum(max(0, ends[tp] - counted.get(tp, 0)) for tp in assigned)
        if not waiting or counted != self._seen:
            self._moved, self._seen = now, counted
        if now - self._moved > _STALLED_SECONDS:
            raise EndedError(f"{waiting} records wait and none was counted for {now - self._moved:.0f} s")
