"""`python -m services.processing`: one processor."""

import asyncio
import logging
import signal

import psycopg
import uvloop
from aiokafka.errors import KafkaError

from schemas.catalogue import KINDS
from schemas.topics import topics_of_kind
from services.broker import Administration
from services.cycles import look_rarely
from services.processing.app import create_app, database_url, die
from services.processing.watchdog import EndedError, watch
from services.settings import Settings, load_settings
from services.store.configuration import Configuration, load_configuration

log = logging.getLogger("services.processing")

_RETRY_SECONDS = 1.0


async def prepare(settings: Settings) -> tuple[str, Configuration]:
    """The log's id and the configuration, as soon as broker and database answer; topics are made."""
    while True:
        try:
            configuration = await asyncio.to_thread(load_configuration, database_url(settings))
            integrators = configuration.current.organisation.integrators
            async with Administration(settings) as administration:
                await administration.ensure_topics(
                    topic.name for kind in KINDS for topic in topics_of_kind(kind, integrators)
                )
                return await administration.log_id(), configuration
        except (psycopg.OperationalError, KafkaError, OSError) as error:
            log.warning("broker or database is not there yet (%s); trying again", type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)


async def run(settings: Settings) -> None:
    """Read and count until told to stop, or until the watchdog finds a reason to begin again."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    log_id, configuration = await prepare(settings)
    integrators = configuration.current.organisation.integrators
    app = create_app(settings, log_id, configuration)
    app.finalize()
    starting = asyncio.create_task(app.start())
    watching = asyncio.create_task(watch(app, settings, log_id, frozenset(integrators)))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, watching, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        starting.result()
        log.info("%s reads log %s", settings.worker_name, log_id)
        await asyncio.wait({watching, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if watching.done():
        try:
            watching.result()
        except EndedError as reason:
            log.error("%s; this process ends and is started again", reason)
        except Exception:
            log.exception("the watchdog failed")
        die("the watchdog ended this processor")
    watching.cancel()
    starting.cancel()
    await app.stop()


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("faust", "mode"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it repeats each attempt; the watchdog says it
    look_rarely()
    uvloop.run(run(load_settings()))


if __name__ == "__main__":
    main()
