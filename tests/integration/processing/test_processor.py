"""A real processor on a real broker and database: what it counts whatever happens to them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiokafka
import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.group import JoinGroupRequest, LeaveGroupRequest

from schemas.catalogue import KINDS
from schemas.moments import read_moment
from schemas.topics import SCHEMA, DoorHeaders, topics_of_kind
from services.broker import Administration
from services.local import broker as tansu
from services.local.child import spawn
from services.local.ports import free_port
from services.processing.app import GROUP
from services.settings import Settings
from services.store.configuration import change
from services.store.partitions import resume_partition
from services.topic_settings import PARTITIONS
from tests.waiting import wait_until

NOW = read_moment("2026-06-01T12:00:00Z")
PATIENCE = 60.0


def event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"bag-{number}",
        "source": "/scale",
        "type": "nl.groenmeter.waste.v1",
        "time": "2026-05-01T10:00:00Z",
        "team": "a4",
        "data": {"stream": "residual", "quantity": number, "unit": "g"},
    } | changes


BAD_RECORDS = {f"r/{number}": [event(1, team="nobody")] * 500 for number in range(20)}


class World:
    """A database, an embedded broker on a fixed port, and the processors of a test."""

    def __init__(self, database: str, directory: Path) -> None:
        self.database = database
        self.directory = directory
        self.port = free_port()
        self.children: list[subprocess.Popen[bytes]] = []
        change(database, {"teams": {"a4": {}}, "integrators": {"scale": {"teams": ["a4"]}}}, "test")
        self.broker = self.start_broker()

    @property
    def address(self) -> str:
        return f"{tansu.HOST}:{self.port}"

    def start_broker(self) -> subprocess.Popen[bytes]:
        server = spawn(tansu.command(self.port), self.directory / "broker.log")
        self.children.append(server)
        wait_until(lambda: tansu.is_ready(self.port), 10)
        asyncio.run(self.make_topics())
        return server

    async def make_topics(self) -> None:
        topics = [topic.name for kind in KINDS for topic in topics_of_kind(kind, ["scale"])]
        async with Administration(Settings(broker=self.address)) as administration:
            await administration.ensure_topics(topics)

    def start_processor(self, name: str = "processor-1") -> subprocess.Popen[bytes]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GROENMETER_")
        }
        environment |= {
            "GROENMETER_BROKER": self.address,
            "GROENMETER_DATABASE_URL": self.database,
            "GROENMETER_WORKER_NAME": name,
            "GROENMETER_HOME": str(self.directory / "home"),
            "GROENMETER_SPOOL": str(self.directory),
        }
        command = [sys.executable, "-m", "services.processing"]
        child = spawn(command, self.directory / f"{name}.log", environment=environment)
        self.children.append(child)
        return child

    def send(
        self,
        records: Mapping[str, object],
        topic: str = "measurements.waste",
        at: int | None = None,
        **door: Any,
    ) -> None:
        """Produce each value under its record id, with the headers of the door, in few batches."""

        async def produce() -> None:
            async with aiokafka.AIOKafkaProducer(bootstrap_servers=self.address, acks="all") as producer:
                sent = []
                for record_id, value in records.items():
                    headers = DoorHeaders(NOW, record_id, 1, "receipt", 2, **door).encode()
                    body = value if isinstance(value, bytes) else json.dumps(value).encode()
                    sent.append(
                        await producer.send(topic, body, key=b"a4/scale", timestamp_ms=at, headers=headers)
                    )
                await asyncio.gather(*sent)

        asyncio.run(produce())

    def row(self, query: str) -> tuple[Any, ...] | None:
        with psycopg.connect(self.database) as connection:
            row: tuple[Any, ...] | None = connection.execute(query).fetchone()  # type: ignore[call-overload]
            return row

    def scalar(self, query: str) -> Any:
        row = self.row(query)
        return row[0] if row else None

    @property
    def grams(self) -> int:
        return int(self.scalar("SELECT coalesce(sum(quantity), 0) / 1000 FROM rollup_day"))

    @property
    def members(self) -> list[str]:
        """Who the broker takes for processors."""

        async def ask() -> list[str]:
            client = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await client.start()
            try:
                (answer,) = await client.describe_consumer_groups([GROUP])
                return [member[0] for *_, members in answer.groups for member in members]
            finally:
                await client.close()

        return asyncio.run(ask())

    def wait_for_grams(self, grams: int) -> None:
        wait_until(lambda: self.grams == grams, PATIENCE)

    def log(self, name: str = "processor-1") -> str:
        return (self.directory / f"{name}.log").read_text()


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    world = World(database, tmp_path)
    yield world
    for child in world.children:
        child.kill()
        child.wait()


def test_it_counts_and_ends_cleanly(world: World) -> None:
    processor = world.start_processor()
    world.send({f"r/{number}": [event(number)] for number in range(1, 5)})
    world.wait_for_grams(10)
    processor.send_signal(signal.SIGTERM)
    assert processor.wait(PATIENCE) == 0


def test_bad_records_become_rejects_and_stop_nothing(world: World) -> None:
    world.start_processor()
    world.send(
        {
            "r/1": b"not json",
            "r/2": b"",
            "r/3": [event(1), event(2, team="nobody"), {"id": "x\0"}, event(3, data={"a\0b": 1})],
            "r/4": event(4),
        }
    )
    world.send({"r/5": event(5)}, "measurements.waste.scale", at=2**62)
    world.send({"r/6": event(6)}, "measurements.waste.scale")
    world.wait_for_grams(11)
    assert world.scalar("SELECT count(*) FROM reject") == 6
    assert world.scalar("SELECT sum(events) FROM batch_log") == 9
    assert world.scalar("SELECT sum(rejected) FROM receipt_part") == 5


def test_too_many_rejects_raise_an_alarm_and_the_door_s_topics_are_read_on(world: World) -> None:
    world.send(BAD_RECORDS | {"r/good": event(7)})
    world.start_processor()
    world.wait_for_grams(7)
    wait_until(lambda: "ALARM: measurements.waste/" in world.log(), PATIENCE)
    assert world.scalar("SELECT why FROM reject_alarm") == "10000 rejects in a row"
    assert world.scalar("SELECT count(*) FROM reject") == 10_000


def test_a_machine_that_sends_nothing_but_rejects_is_not_read_on_until_somebody_says_so(world: World) -> None:
    topic = "measurements.waste.scale"
    world.send(BAD_RECORDS, topic)
    processor = world.start_processor()
    wait_until(lambda: world.scalar("SELECT reason FROM stopped_partition") == "rejects", PATIENCE)
    world.send({"waiting": event(5)}, topic)
    world.send({"r/good": event(7)})
    world.wait_for_grams(7)

    with psycopg.connect(world.database) as connection:
        log, partition = world.row("SELECT log, partition FROM stopped_partition") or ("", 0)
        resume_partition(connection, log, topic, partition, None)
    assert processor.wait(PATIENCE) != 0  # whoever watches over it starts it again
    world.start_processor("processor-2")

    world.wait_for_grams(12)
    assert world.scalar("SELECT count(*) FROM reject") == 10_000


def test_killed_and_started_again_it_counts_everything_once(world: World) -> None:
    for round_ in range(3):
        processor = world.start_processor()
        world.send({f"r/{round_}/{number}": [event(round_ * 50 + number)] for number in range(50)})
        if round_ < 2:
            wait_until(lambda before=round_: world.grams > before * 2500, PATIENCE)
            processor.kill()
            processor.wait()
    world.wait_for_grams(sum(range(150)))
    assert world.scalar("SELECT count(*) FROM measurement") == 150


def test_the_offsets_in_the_database_decide_not_those_of_the_group(world: World) -> None:
    world.send({f"r/{number}": event(number) for number in range(1, 5)})

    async def commit_ahead() -> None:
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=world.address, group_id=GROUP, enable_auto_commit=False
        )
        async with consumer:
            partitions = [aiokafka.TopicPartition("measurements.waste", n) for n in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.commit(await consumer.end_offsets(partitions))

    asyncio.run(commit_ahead())
    world.start_processor()
    world.wait_for_grams(10)


def test_a_record_sent_again_changes_nothing(world: World) -> None:
    world.start_processor()
    records = {"r/1": [event(1), event(2, team="nobody")]}
    world.send(records)
    world.wait_for_grams(1)
    world.send(records)
    wait_until(lambda: world.scalar("SELECT sum(events) FROM batch_log") == 4, PATIENCE)
    assert world.grams == 1
    assert world.scalar("SELECT count(*) FROM reject") == 1
    assert world.scalar("SELECT (added, repeats, rejected)::text FROM receipt_part") == "(1,0,1)"


def test_a_broker_with_a_new_log_under_the_same_address(world: World) -> None:
    world.start_processor()
    world.send({f"r/{number}": event(number) for number in range(1, 5)})
    world.wait_for_grams(10)
    world.broker.kill()
    world.broker.wait()
    world.start_broker()
    wait_until(lambda: "new log" in world.log(), PATIENCE)
    world.start_processor("processor-2")
    world.send({"r/9": event(90)})
    world.wait_for_grams(100)


def test_whoever_ends_for_a_new_log_leaves_nobody_to_wait_for(world: World) -> None:
    processor = world.start_processor()
    world.send({"r/1": event(1)})
    world.wait_for_grams(1)
    world.broker.kill()
    world.broker.wait()
    world.start_broker()
    processor.wait(PATIENCE)
    assert world.members == []


def test_an_unreachable_database_stops_processing_and_loses_nothing(world: World) -> None:
    world.start_processor()
    world.send({"r/1": event(1)})
    world.wait_for_grams(1)
    name = psycopg.conninfo.conninfo_to_dict(world.database)["dbname"]
    server = psycopg.conninfo.make_conninfo(world.database, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[call-overload]
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        world.send({"r/2": event(2), "r/3": event(3)})
        wait_until(lambda: "the database cannot take a batch now" in world.log(), PATIENCE)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # type: ignore[call-overload]
    world.wait_for_grams(6)


def test_two_processors_share_the_work_and_one_takes_over(world: World) -> None:
    first, second = world.start_processor(), world.start_processor("processor-2")
    world.send({f"r/{number}": event(number) for number in range(100)})
    world.wait_for_grams(sum(range(100)))
    first.kill()
    world.send({f"r/{number}": event(number) for number in range(100, 120)})
    world.wait_for_grams(sum(range(120)))
    assert second.poll() is None
    assert world.scalar("SELECT count(*) FROM measurement") == 120


def test_a_group_whose_leader_left_before_it_gave_out_partitions_is_made_anew(world: World) -> None:
    """The embedded broker keeps such a leader, and all others wait for it."""

    async def lead_and_leave() -> None:
        client = aiokafka.client.AIOKafkaClient(bootstrap_servers=world.address)
        await client.bootstrap()
        node = client.get_random_node()

        async def join(member: str) -> Any:
            protocols = [("faust", b"")]
            return await client.send(
                node, JoinGroupRequest(GROUP, 6000, 60_000, member, None, "consumer", protocols)
            )

        member = (await join("")).member_id
        assert (await join(member)).leader_id == member
        await client.send(node, LeaveGroupRequest(GROUP, member))
        await client.close()

    asyncio.run(lead_and_leave())
    world.start_processor("processor-1")
    world.start_processor("processor-2")
    world.send({f"r/{number}": [event(number)] for number in range(1, 5)})
    world.wait_for_grams(10)

    assert "the group of the processors is made anew" in world.log("processor-1") + world.log("processor-2")


def test_a_processor_that_waits_for_its_partitions_ends_when_it_is_told_to(world: World) -> None:
    processor = world.start_processor()
    wait_until(lambda: "ConsumerThread]: Starting" in world.log(), PATIENCE)
    processor.send_signal(signal.SIGTERM)
    assert processor.wait(PATIENCE) == 0


def test_a_header_without_a_value_stops_nothing(world: World) -> None:
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event(1).items() if name != "data"]

    async def produce() -> None:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=world.address, acks="all") as producer:
            body = json.dumps(event(1)["data"]).encode()
            await producer.send_and_wait(
                "measurements.waste.scale", body, headers=[*headers, ("ce_subject", None)]
            )

    asyncio.run(produce())
    world.start_processor()
    world.send({"r/2": event(2)})
    world.wait_for_grams(3)


def test_a_newer_schema_pauses_its_partition_and_is_never_rejected(world: World) -> None:
    world.start_processor()
    world.send({"r/1": event(1)}, schema=SCHEMA + 1)
    wait_until(lambda: "upgrade the processors" in world.log(), PATIENCE)
    wait_until(lambda: world.scalar("SELECT reason FROM stopped_partition") == "newer-schema", PATIENCE)
    world.send({"r/2": event(2)}, "measurements.waste.scale")
    world.wait_for_grams(2)
    assert world.scalar("SELECT count(*) FROM reject") == 0
    assert world.scalar("SELECT count(*) FROM source_offset WHERE topic = 'measurements.waste'") == 0


def test_new_integrators_are_heard(world: World) -> None:
    processor = world.start_processor()
    world.send({"r/1": event(1)})
    world.wait_for_grams(1)
    change(world.database, {"integrators": {"kitchen": {"teams": ["a4"]}}}, "test")
    processor.wait(PATIENCE)
    world.start_processor("processor-2")
    world.send({"r/2": event(2)}, "measurements.waste.kitchen")
    world.wait_for_grams(3)
