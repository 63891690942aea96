"""A door that runs in this process, on a real database and broker, and a client that hides nothing."""

import asyncio
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn
from aiokafka import AIOKafkaConsumer, TopicPartition
from psycopg.conninfo import conninfo_to_dict

from schemas.catalogue import KINDS
from schemas.topics import DoorHeaders, Topic
from services.intake.app import create_app
from services.intake.door import Door
from services.local import broker as tansu
from services.local.child import spawn
from services.local.ports import free_port
from services.local.postgres import Cluster
from services.settings import Settings, load_settings
from services.store.configuration import change
from services.store.tokens import create_token
from tests.door_client import Client
from tests.waiting import wait_until

ORGANISATION = {"teams": {"keuken": {}, "ok-centrum": {}, "lab": {}}, "sites": {"west": {}}}


@dataclass(frozen=True)
class RunningDoor:
    """A door that is ready, its parts, and how to speak to it."""

    dsn: str
    port: int
    parts: Door
    stop: Callable[[], None]

    def client(self, sort: Any = "team", teams: list[str] | None = None) -> Client:
        """A client with a new token; by default keuken's."""
        names = ["keuken"] if sort == "team" and teams is None else teams
        return Client(self.port, create_token(self.dsn, sort, names))


def start_door(settings: Settings, dsn: str) -> RunningDoor:
    """A door of these settings in a thread; `stop` ends it gracefully. `dsn` is the owner's."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()

    wait_until(lambda: server.started or not thread.is_alive(), 20)
    door = RunningDoor(dsn, listener.getsockname()[1], app.state.door, stop)
    wait_until(lambda: door.parts.configuration.is_loaded, 20)
    return door


@dataclass(frozen=True)
class Sent:
    """A record on a topic."""

    topic: str
    key: str
    record_id: str
    headers: DoorHeaders
    raw_headers: dict[str, bytes]
    events: list[Any]


@dataclass
class OwnBroker:
    """An embedded broker of one test: killed and started again on its port, it has lost everything."""

    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{tansu.HOST}:{self.port}"

    def start(self) -> None:
        self.process = spawn(tansu.command(self.port), self.log)
        wait_until(lambda: tansu.is_ready(self.port), 10)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def topics(self) -> set[str]:
        """The topics there are."""
        return asyncio.run(_topics(self.address))

    def records(self) -> list[Sent]:
        """Everything that is on the door's topics."""
        return asyncio.run(_read_all(self.address))


async def _topics(address: str) -> set[str]:
    async with AIOKafkaConsumer(bootstrap_servers=address) as consumer:
        return set(await consumer.topics())


async def _read_all(address: str) -> list[Sent]:
    async with AIOKafkaConsumer(bootstrap_servers=address) as consumer:
        names = {Topic(kind).name for kind in KINDS} & await consumer.topics()
        await consumer.end_offsets([TopicPartition(name, 0) for name in names])
        partitions = [
            TopicPartition(name, number) for name in names for number in consumer.partitions_for_topic(name)
        ]
        ends = {partition: end for partition, end in (await consumer.end_offsets(partitions)).items() if end}
        consumer.assign(list(ends))
        if ends:
            await consumer.seek_to_beginning()
        sent: list[Sent] = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                sent += [_sent(record) for record in batch]
        return sent


def _sent(record: Any) -> Sent:
    raw_headers = dict(record.headers)
    headers = DoorHeaders.decode(raw_headers)
    assert headers is not None
    events = json.loads(record.value)
    return Sent(record.topic, record.key.decode(), headers.record_id, headers, raw_headers, events)


def count(dsn: str, records: Iterable[Sent]) -> None:
    """Say of records that they are counted, as a processor does."""
    with psycopg.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO receipt_part VALUES (%s, %s, %s, 0, 0) ON CONFLICT DO NOTHING",
            [(record.record_id, record.headers.receipt, len(record.events)) for record in records],
        )


@contextmanager
def closed(postgres: Cluster, dsn: str) -> Iterator[None]:
    """The database of this DSN is away meanwhile: every session is cut and none is let in."""
    database = str(conninfo_to_dict(dsn)["dbname"])
    name = psycopg.sql.Identifier(database)
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as superuser:
        superuser.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,)
        )
        yield
        superuser.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[OwnBroker]:
    """A broker of this test alone, not started yet."""
    broker = OwnBroker(tmp_path / "broker.log")
    yield broker
    broker.kill()


Serve = Callable[..., RunningDoor]


def settings_of(dsn: str, broker: str, directory: Path, spool: bool = True) -> Settings:
    """The settings of a door whose spool is in the directory."""
    environment = {"GROENMETER_DATABASE_URL": dsn, "GROENMETER_BROKER": broker}
    if spool:
        environment["GROENMETER_SPOOL"] = str(directory / "spool")
    return load_settings(environment, directory)


@pytest.fixture(scope="module")
def door(
    postgres: Cluster, template: str, broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningDoor]:
    """A door for all tests of a module, on a database of its own."""
    postgres.create_database("test_door", template)
    dsn = postgres.dsn("test_door")
    change(dsn, ORGANISATION, "test")
    door = start_door(settings_of(dsn, broker, tmp_path_factory.mktemp("door")), dsn)
    wait_until(lambda: door.parts.is_ready, 20)
    yield door
    door.stop()
    postgres.drop_database("test_door")


@pytest.fixture(scope="module")
def keuken(door: RunningDoor) -> Client:
    """The client of team keuken."""
    return door.client()


@pytest.fixture
def organisation(database: str) -> str:
    """The address of a database of this test alone, with teams in it."""
    change(database, ORGANISATION, "test")
    return database


@pytest.fixture
def serve(organisation: str, own_broker: OwnBroker, tmp_path: Path) -> Iterator[Serve]:
    """Starts doors of this test alone; a second one with the same spool after the first has ended."""
    doors: list[RunningDoor] = []

    def start(spool: bool = True, dsn: str = organisation) -> RunningDoor:
        settings = settings_of(dsn, own_broker.address, tmp_path, spool)
        doors.append(start_door(settings, organisation))
        return doors[-1]

    yield start
    for door in doors:
        door.stop()
