"""Knowing the broker: which log it keeps, and that its topics are there."""

import asyncio
import logging

from aiokafka.errors import KafkaError

from schemas.catalogue import KINDS
from schemas.topics import topics_of_kind
from services.broker import Administration
from services.intake.configuration import ConfigurationKeeper
from services.settings import Settings

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class BrokerWatch:
    """Looks at the broker every second, and makes the topics of every log and of every integrator.

    `log_id` is the last log that was seen with all its topics; None before the first. The embedded broker
    begins a new log at every start. `topics`: those that were there then.
    """

    def __init__(self, settings: Settings, configuration: ConfigurationKeeper) -> None:
        self._settings = settings
        self._configuration = configuration
        self.topics: frozenset[str] = frozenset()
        self._changed = asyncio.Condition()
        self.log_id: str | None = None
        self.is_reachable = False
        self._trouble: str | None = None

    async def another_log(self, than: str | None) -> str:
        """Wait until there is another log than the given one; its id."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.log_id not in (None, than))
        assert self.log_id is not None  # noqa: S101 - just waited for
        return self.log_id

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            try:
                async with Administration(self._settings) as administration:
                    while True:
                        await self._look(administration)
                        await asyncio.sleep(LOOK_SECONDS)
            except (KafkaError, OSError, TimeoutError) as error:
                self.is_reachable = False
                if type(error).__name__ != self._trouble:
                    self._trouble = type(error).__name__
                    log.warning("the broker cannot be used: %s", self._trouble)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, administration: Administration) -> None:
        log_id = await administration.log_id()
        topics = self._wanted_topics()
        if log_id != self.log_id or not topics <= self.topics:
            made = await administration.ensure_topics(topics)
            if made:
                log.info("made the topics %s", ", ".join(made))
            self.topics = topics
            if self._settings.spool is None:
                for line in await administration.faults(topics):
                    log.warning("%s", line)
        self.is_reachable = True
        self._trouble = None
        if log_id != self.log_id:
            log.info("the broker keeps log %s", log_id)
            async with self._changed:
                self.log_id = log_id
                self._changed.notify_all()

    def _wanted_topics(self) -> frozenset[str]:
        integrators = (
            self._configuration.current.current.organisation.integrators
            if self._configuration.is_loaded
            else ()
        )
        return frozenset(topic.name for kind in KINDS for topic in topics_of_kind(kind, integrators))
