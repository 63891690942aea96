"""All that a running door consists of."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from services.errors import UserError
from services.intake.authentication import Tokens
from services.intake.broker_watch import BrokerWatch
from services.intake.configuration import ConfigurationKeeper
from services.intake.database import Database
from services.intake.delivery import Delivery
from services.intake.forwarder import Forwarder
from services.intake.known_forms import KnownForms
from services.intake.lag import LagMeter
from services.intake.metrics import Metrics
from services.intake.odd_values import OddValues
from services.intake.producer import DirectDelivery
from services.intake.redacting import Redacting
from services.intake.spool import Spool
from services.settings import PREFIX, Settings

log = logging.getLogger(__name__)

OnCrash = Callable[[], None]


class Door:
    """The parts of the door, as requests find them on `app.state.door`."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None:
            raise UserError(f"no database: set {PREFIX}DATABASE_URL, or start the stack with `groenmeter up`")
        self.settings = settings
        self.database = Database(settings.database_url.get_secret_value())
        self.configuration = ConfigurationKeeper(self.database)
        self.tokens = Tokens(self.database, self.configuration)
        self.known_forms = KnownForms()
        self.watch = BrokerWatch(settings, self.configuration)
        self.spool = Spool(settings.spool) if settings.spool else None
        self.redacting = Redacting(self.database, self.configuration, self.spool, settings.spool)
        self._direct = DirectDelivery(settings)
        self.delivery: Delivery = self.spool or self._direct
        self.odd_values = OddValues(self.database)
        self.metrics = Metrics()
        self.lag = LagMeter(settings, self.delivery, self.watch, self.database)

    @property
    def is_ready(self) -> bool:
        """Whether a post would be taken. The database may be away; with a spool, the broker too."""
        broker = self.watch.log_id is not None and (self.spool is not None or self.watch.is_reachable)
        return self.configuration.is_loaded and self.delivery.has_room and broker

    @asynccontextmanager
    async def running(self, on_crash: OnCrash) -> AsyncIterator[None]:
        """Keep everything up to date meanwhile; `on_crash` is called when a part ends that never should."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            work = [self.configuration.run(), self.watch.run(), self.redacting.run()]
            if self.spool is None:
                stack.push_async_callback(self._direct.close)
            else:
                await stack.enter_async_context(self.spool)
                forwarder = Forwarder(self.settings, self.spool, self.watch, self.database)
                work += [forwarder.forward(), forwarder.count()]
            tasks = [_start(part, on_crash) for part in work]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)


def _start(work: Coroutine[Any, Any, None], on_crash: OnCrash) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: None if done.cancelled() else _report(done, on_crash))
    return task


def _report(done: asyncio.Task[None], on_crash: OnCrash) -> None:
    log.critical("a part of the door ended; the door ends too", exc_info=done.exception())
    on_crash()
