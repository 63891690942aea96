"""`python -m services.alerting`: the teller."""

import logging
import signal
import threading

import psycopg

from services.alerting.delivery import Courier
from services.alerting.teller import Teller
from services.operator import operator_dsn
from services.settings import Settings, load_settings
from services.store.connection import connect

TURN_SECONDS = 1.0
LAST_SECONDS = 12.0  # to note what is in hand; the supervisor waits for 15

log = logging.getLogger("services.alerting")


def run(settings: Settings, stopping: threading.Event) -> None:
    """Tell until told to stop, over as many connections as it takes."""
    dsn, courier = operator_dsn(settings), Courier(settings)
    teller = Teller(courier.deliver, courier.held_back)
    while not stopping.is_set():
        try:
            with connect(dsn, "writer") as connection:
                log.info("watching for targets that slip")
                while not stopping.is_set():
                    teller.turn(connection)
                    if settings.ready_file is not None:
                        settings.ready_file.touch()
                    if not teller.wait(TURN_SECONDS):
                        stopping.wait(TURN_SECONDS)
                teller.finish(connection, LAST_SECONDS)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            log.warning("the database does not answer (%s); trying again", type(error).__name__)
            stopping.wait(TURN_SECONDS)


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    run(load_settings(), stopping)


if __name__ == "__main__":
    main()
