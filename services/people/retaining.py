"""Forgetting what is due, daily, in a process that runs everywhere: the tracker."""

import asyncio
import logging

import psycopg

from services.store.connection import connect_async
from services.store.retention import forget_payloads

LOOK_SECONDS = 3600.0

log = logging.getLogger(__name__)


async def retain_for_ever(dsn: str) -> None:
    """Look every hour whether a day is over, and forget what is due then. Ends only when it is cancelled."""
    while True:
        try:
            async with await connect_async(dsn, "writer") as connection:
                number = await forget_payloads(connection)
            if number is not None:
                log.info("forgot the payloads of %d rejects that were older than 90 days", number)
        except psycopg.Error as error:
            log.warning("what is due could not be forgotten now (%s); trying again", type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)
