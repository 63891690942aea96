"""The parts that a benchmark runs on: a database that keeps what it commits, a broker, processors of ours."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from aiokafka import AIOKafkaProducer

from services.broker import Administration
from services.local import broker as tansu
from services.local.account import database_account
from services.local.child import spawn
from services.local.ports import free_port
from services.local.postgres import Cluster, new_password
from services.local.timescale import obtain
from services.settings import PREFIX, Settings
from services.store.configuration import change
from services.store.migrate import migrate
from tests.waiting import wait_until

TEMPLATE = "template_groenmeter"
COUNTED = "SELECT sum(added) FROM batch_log"
_READY_SECONDS = 60


class Parts:
    """A database server and an embedded broker in a directory of their own."""

    def __init__(self, directory: Path, organisation: Mapping[str, object]) -> None:
        self.directory = directory
        self.cluster = Cluster(
            obtain(print),
            directory / "database",
            database_account(directory / "database"),
            free_port(),
            new_password(),
        )
        self.cluster.initialise()
        self.database = spawn(
            self.cluster.command(),
            directory / "database.log",
            account=self.cluster.account,
            parent_death=signal.SIGQUIT,
        )
        wait_until(self.cluster.is_ready, _READY_SECONDS)
        self.cluster.create_database(TEMPLATE)
        migrate(self.cluster.dsn(TEMPLATE))
        change(self.cluster.dsn(TEMPLATE), organisation, "bench")
        self._port = free_port()
        self.address = f"{tansu.HOST}:{self._port}"
        self.broker = self._start_broker()

    def _start_broker(self) -> subprocess.Popen[bytes]:
        broker = spawn(tansu.command(self._port), self.directory / "broker.log")
        wait_until(lambda: tansu.is_ready(self._port), _READY_SECONDS)
        return broker

    def empty_broker(self) -> None:
        """Begin with a new log."""
        self.broker.kill()
        self.broker.wait()
        self.broker = self._start_broker()

    def fresh_database(self, name: str) -> str:
        """The owner's address of a new database with the organisation's configuration."""
        self.cluster.create_database(name, TEMPLATE)
        return self.cluster.dsn(name)

    def make_topic(self, topic: str) -> None:
        """Make a topic, of the partitions that ours have."""

        async def make() -> None:
            async with Administration(Settings(broker=self.address)) as administration:
                await administration.ensure_topics([topic])

        asyncio.run(make())

    @contextmanager
    def processor(
        self, dsn: str, name: str = "processor-1", **settings: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """One of our processors, ended at the end."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        environment |= {
            f"{PREFIX}BROKER": self.address,
            f"{PREFIX}DATABASE_URL": dsn,
            f"{PREFIX}WORKER_NAME": name,
            f"{PREFIX}HOME": str(self.directory / "home"),
            f"{PREFIX}SPOOL": str(self.directory),
        }
        environment |= {f"{PREFIX}{setting}": value for setting, value in settings.items()}
        command = [sys.executable, "-m", "services.processing"]
        child = spawn(command, self.directory / f"{name}.log", environment=environment)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(_READY_SECONDS)


@contextmanager
def parts(organisation: Mapping[str, object]) -> Iterator[Parts]:
    """All of them in a temporary directory, configured with an organisation; ended and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="groenmeter-bench-") as name:
        Path(name).chmod(0o755)  # the database's account enters it
        running = Parts(Path(name), organisation)
        try:
            yield running
        finally:
            for child, number in ((running.broker, signal.SIGTERM), (running.database, signal.SIGINT)):
                child.send_signal(number)
                child.wait(_READY_SECONDS)


def send(broker: str, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
    """Write these keys and values to a topic."""

    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20) as producer:
            sent = [await producer.send(topic, value, key=key.encode()) for key, value in records]
            await asyncio.gather(*sent)

    asyncio.run(write())


def count(connection: psycopg.Connection, query: str) -> int:
    """The whole number that a query gives."""
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def wait_until_counted(connection: psycopg.Connection, events: int, seconds: float) -> None:
    """Until so many events are in the ledger; over one connection and not often: asking is work, too."""
    wait_until(lambda: count(connection, COUNTED) == events, seconds, pause_seconds=0.2)
