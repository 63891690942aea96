"""The organisation's configuration as the door knows it, kept up to date."""

import asyncio
import logging

from psycopg import OperationalError

from services.intake.database import Database, Unreachable
from services.intake.problem_details import TryAgain
from services.store.configuration import Configuration, load_configuration
from services.store.offsets import newest_version
from services.store.receipts import receipt_key

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class ConfigurationKeeper:
    """Reads the configuration when there is a newer one: when a request says so, and every second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._configuration: Configuration | None = None
        self._receipt_key: bytes | None = None
        self._reading = asyncio.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether the door can judge yet."""
        return self._configuration is not None

    @property
    def current(self) -> Configuration:
        """The configuration as last read. Raises `TryAgain` when it was never read."""
        if self._configuration is None:
            raise TryAgain("the door is starting and has not read the configuration yet")
        return self._configuration

    @property
    def receipt_key(self) -> bytes:
        """The key that signs receipts. Raises `TryAgain` when it was never read."""
        if self._receipt_key is None:
            raise TryAgain("the door is starting and has not read the configuration yet")
        return self._receipt_key

    async def require(self, version: int) -> None:
        """Make sure that the configuration holds this version. Raises `Unreachable`."""
        if self._holds(version):
            return
        async with self._reading:
            if self._holds(version):
                return
            self._receipt_key = await self._database.call(receipt_key)
            self._configuration = await load(self._database.dsn)
            log.info("configuration %d is in force", self._configuration.current.number)

    async def run(self) -> None:
        """Follow the newest version for ever; without the database, go on with what is known."""
        while True:
            try:
                await self.require(await self._database.call(newest_version))
            except Unreachable:
                log.debug("the database cannot be reached; the configuration stays as it was")
            await asyncio.sleep(LOOK_SECONDS)

    def _holds(self, version: int) -> bool:
        return self._configuration is not None and self._configuration.current.number >= version


async def load(dsn: str) -> Configuration:
    """The configuration, read beside the event loop. Raises `Unreachable`."""
    try:
        return await asyncio.to_thread(load_configuration, dsn)
    except OperationalError as error:
        raise Unreachable from error
