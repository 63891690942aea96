"""`python -m services.tracking`: the tracker."""

import asyncio
import logging
import signal
import time

import psycopg
import uvloop

from services.operator import operator_dsn
from services.people.retaining import retain_for_ever
from services.settings import Settings, load_settings
from services.store.connection import connect_async
from services.tracking.follow import Tracker
from services.tracking.odd import OddValues

POLL_SECONDS = 1.0
PASS_SECONDS = 2.0  # at most one pass in this time
SHARE_OF_TIME = 4  # after a pass as many times as long as it took: the tracker leaves room for counting

log = logging.getLogger("services.tracking")


async def run(settings: Settings) -> None:
    """Follow the batch log until told to stop, over as many connections as it takes."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    retaining = asyncio.create_task(retain_for_ever(operator_dsn(settings)))
    while not stopping.is_set():
        try:
            async with await connect_async(operator_dsn(settings), "writer") as connection:
                await _follow(Tracker(connection), OddValues(connection), settings, stopping)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            log.warning("the database does not answer (%s); trying again", type(error).__name__)
            await _pause(stopping, POLL_SECONDS)
    retaining.cancel()


async def _follow(
    tracker: Tracker, odd_values: OddValues, settings: Settings, stopping: asyncio.Event
) -> None:
    log.info("following the batch log")
    while not stopping.is_set():
        if settings.ready_file is not None:  # though it may be far behind: nothing waits for the first pass
            settings.ready_file.touch()
        began = time.monotonic()
        worked = await tracker.step()
        worked = await odd_values.step() or worked
        took = time.monotonic() - began
        await _pause(stopping, max(PASS_SECONDS - took, SHARE_OF_TIME * took) if worked else POLL_SECONDS)


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(run(load_settings()))


if __name__ == "__main__":
    main()
