"""The whole stack on Apache Kafka with logins, TLS and ACLs.

On one node, with `--kafka 3` on three: replication 3, min.insync.replicas 2. Our processes have a login with
the permissions that the README names, and the integrators one each. Tests of the door and of reading run here
once more.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest

from services.broker import Administration, client_arguments
from services.processing.app import GROUP
from services.settings import Settings
from services.topic_settings import PARTITIONS, settings_of_new_topic
from tests.acceptance import test_door, test_query
from tests.acceptance.poster import poster_of
from tests.acceptance.test_door import keuken, team  # noqa: F401 fixtures
from tests.acceptance.test_query import client  # noqa: F401 a fixture
from tests.door_client import Client
from tests.faults.comparing import states_of
from tests.kafka import KafkaCluster, kafka_cluster
from tests.oracle import expect
from tests.stacks import Stack, temporary_stacks
from tests.waiting import wait_until

SERVICE, INTEGRATORS = "groenmeter", ("lab", "kitchen")
TEAMS = ("keuken", "ok-centrum")
COUNTED_SECONDS = 90
REFUSED_SECONDS = 20
TOPIC = "measurements.waste.lab"
ANEW = "measurements.activity.lab"

# Kafka's numbers: a resource, how its name is matched, what may be done with it.
_TOPIC, _GROUP, _CLUSTER = 2, 3, 4
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3
_READ, _WRITE, _CREATE, _ALTER, _DESCRIBE, _DESCRIBE_CONFIGS = 3, 4, 5, 7, 8, 10
README_PERMISSIONS = [
    *(
        (_TOPIC, "measurements.", _PREFIXED, operation)
        for operation in (_CREATE, _DESCRIBE, _DESCRIBE_CONFIGS, _READ, _WRITE)
    ),
    (_GROUP, GROUP, _LITERAL, _READ),
]


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    """Its nodes; our processes may do what the README says, and nobody else anything."""
    with kafka_cluster(request.config.getoption("--kafka") or 1, (SERVICE, *INTEGRATORS)) as cluster:
        allow(cluster, SERVICE, README_PERMISSIONS)
        yield cluster


@pytest.fixture(scope="module")
def stack(cluster: KafkaCluster) -> Iterator[Stack]:
    """A stack with two processors on it."""
    with temporary_stacks() as make:
        stack = make(WORKERS="2", **cluster.login(SERVICE))
        stack.up()
        yield stack


def allow(cluster: KafkaCluster, user: str, permissions: Sequence[tuple[int, str, int, int]]) -> None:
    """Let a user do this, as the administrator."""

    async def all_of_it(admin: AIOKafkaAdminClient) -> None:
        for resource, name, matched, operation in permissions:
            request = CreateAclsRequest(resource, name, matched, f"User:{user}", "*", operation, _ALLOW)
            answer = await admin._send_request(request)
            assert [code for code, _ in answer.creation_responses] == [0]

    cluster.ask(all_of_it)


def settings_of(cluster: KafkaCluster, user: str) -> Settings:
    given: dict[str, Any] = {name.lower(): value for name, value in cluster.login(user).items()}
    return Settings(**given)


def write(cluster: KafkaCluster, user: str, topic: str, *values: object, partition: int = 0) -> list[int]:
    """Write records as an integrator; the moments that the broker gives them, milliseconds since 1970."""

    async def produce() -> list[int]:
        arguments = client_arguments(settings_of(cluster, user))
        async with AIOKafkaProducer(**arguments, acks="all") as producer:
            sent = [
                await producer.send(topic, json.dumps(value).encode(), partition=partition, timestamp_ms=1)
                for value in values
            ]
            return [(await record).timestamp for record in sent]

    return asyncio.run(produce())


def bag(id_: str, **changes: Any) -> dict[str, Any]:
    """A bag of waste of one gram."""
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/lab/scale",
        "type": "nl.groenmeter.waste.v1",
        "time": "2026-05-01T10:00:00Z",
        "team": "facilities",
        "data": {"stream": "residual", "quantity": 1, "unit": "g"},
    } | changes


def counted(stack: Stack, prefix: str) -> list[str]:
    """The ids in the ledger that begin so."""
    rows = json.loads(stack.run("events", "--source", "/lab/scale", "--json"))["rows"]
    return sorted(row["id"] for row in rows if row["id"].startswith(prefix))


def log_of(stack: Stack, *names: str) -> str:
    return "".join((stack.home / "logs" / f"{name}.log").read_text() for name in names)


def stopped(stack: Stack) -> dict[str, dict[str, Any]]:
    """What `groenmeter partitions` shows, by partition."""
    return {row["partition"]: row for row in json.loads(stack.run("partitions", "--json"))["rows"]}


def test_topics_keep_what_is_accepted(cluster: KafkaCluster, stack: Stack) -> None:
    names = cluster.ask(lambda admin: admin.list_topics())
    assert "measurements.waste" in names

    described = cluster.ask(lambda admin: admin.describe_topics(["measurements.waste"]))
    resource = ConfigResource(ConfigResourceType.TOPIC, "measurements.waste")
    (answer,) = cluster.ask(lambda admin: admin.describe_configs([resource]))
    ((_, _, _, _, entries),) = answer.resources

    nodes = len(cluster.nodes)
    assert [len(partition["replicas"]) for partition in described[0]["partitions"]] == [nodes] * PARTITIONS
    assert settings_of_new_topic(nodes).items() <= {entry[0]: entry[1] for entry in entries}.items()
    assert ("the cluster has one broker" in log_of(stack, "supervisor")) is (nodes == 1)
    assert log_of(stack, "supervisor").count("ATTENTION") == (1 if nodes == 1 else 0)


def test_settings_by_which_something_could_be_lost_are_said(cluster: KafkaCluster, stack: Stack) -> None:
    weak = {"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}
    resource = ConfigResource(ConfigResourceType.TOPIC, "measurements.waste", configs=weak)
    cluster.ask(lambda admin: admin.alter_configs([resource]))
    try:
        stack.kill("door")
        of_several = ["min.insync.replicas is 1"] if len(cluster.nodes) > 1 else []
        for said in ("unclean.leader.election.enable is true", *of_several):
            wait_until(lambda said=said: said in log_of(stack, "door"), COUNTED_SECONDS)
    finally:
        right = settings_of_new_topic(len(cluster.nodes))
        resource = ConfigResource(ConfigResourceType.TOPIC, "measurements.waste", configs=right)
        cluster.ask(lambda admin: admin.alter_configs([resource]))


def test_an_integrator_writes_to_its_own_topics_only(cluster: KafkaCluster, stack: Stack) -> None:
    stack.run("team", "add", "facilities")
    with pytest.raises(TopicAuthorizationFailedError):
        write(cluster, "lab", TOPIC, bag("before"))

    added = stack.call("integrator", "add", "lab", "--teams", "facilities")
    assert (added.returncode, added.stdout.splitlines()[0]) == (0, "measurements.energy.lab")
    wanted = f"--allow-principal 'User:lab' --operation Write --operation Describe --topic {TOPIC}"
    assert wanted in added.stderr  # our login may not change ACLs: the administrator is to
    with pytest.raises(TopicAuthorizationFailedError):
        write(cluster, "lab", TOPIC, bag("not yet"))

    allow(cluster, SERVICE, [(_CLUSTER, "kafka-cluster", _LITERAL, _ALTER)])
    for name in INTEGRATORS:
        result = stack.call("integrator", "add", name, "--teams", "facilities")
        assert (result.returncode, f"User:{name} may write" in result.stderr) == (0, True), result.stderr

    before = time.time()
    (moment,) = write(cluster, "lab", TOPIC, bag("own"))
    assert abs(moment / 1000 - before) < 60  # the broker's clock, whatever the producer says
    for foreign in ("measurements.waste.kitchen", "measurements.waste"):
        with pytest.raises(TopicAuthorizationFailedError):
            write(cluster, "lab", foreign, bag("foreign"))
    write(cluster, "kitchen", "measurements.waste.kitchen", bag("kitchen"))
    wait_until(lambda: counted(stack, "") == ["kitchen", "own"], COUNTED_SECONDS)


test_a_post_is_followed_to_its_count = test_door.test_a_post_is_followed_to_its_count
test_no_log_holds_a_token_or_a_body = test_door.test_no_log_holds_a_token_or_a_body
test_post_follow_read = test_query.test_post_follow_read


def test_brokers_and_processors_die_while_measurements_are_posted(
    cluster: KafkaCluster, stack: Stack
) -> None:
    seed = str(time.time_ns())
    print(f"seed {seed}")
    for name in (*TEAMS, "facilities"):
        stack.run("team", "add", name)
    posters = [poster_of(stack, name, seed) for name in TEAMS]
    other = Client(posters[0].client.port, stack.run("token", "create", "facilities").strip())

    def go_on(posts: int = 5) -> None:
        """Wait until each poster got so many more posts accepted."""
        wanted = [len(poster.receipts) + posts for poster in posters]
        wait_until(
            lambda: all(len(p.receipts) >= n for p, n in zip(posters, wanted, strict=True)), COUNTED_SECONDS
        )

    for poster in posters:
        poster.start()
    try:
        go_on()
        coordinator = cluster.coordinator_of(GROUP)
        stack.kill("processor-1")
        go_on()
        if len(cluster.nodes) > 1:
            cluster.kill(coordinator)
            go_on()
            cluster.start(coordinator)
            leader = cluster.leader_of("measurements.waste", 0)
            cluster.suspend(leader)  # it hangs: connections stay, and nothing is answered
            go_on(2)
            cluster.resume(leader)
            wait_until(cluster.is_in_sync, COUNTED_SECONDS)

        most = list(cluster.nodes)[: len(cluster.nodes) // 2 + 1]
        cluster.kill(*most)
        began = time.monotonic()
        answer = other.post(test_door.event("while most nodes are down"))
        assert (answer.status, time.monotonic() - began < REFUSED_SECONDS) == (503, True)
        cluster.start(*most)
        go_on()
    finally:
        for poster in posters:
            poster.stop()
    wait_until(lambda: stack.health().get("lag") == 0, COUNTED_SECONDS)
    steward = Client(urlsplit(stack.api).port or 0, stack.run("token", "create", "--steward").strip())
    for receipt in [receipt for poster in posters for receipt in poster.receipts]:
        state = steward.get(f"/v1/receipts/{receipt.text}").json
        parts = state["new"] + state["repeats"] + state["rejected"]
        assert (state["state"], parts, state["events"]) == ("done", receipt.events, receipt.events)
    teams = {poster.measurements.team for poster in posters}
    organisation = {"main_site": "main", "teams": {name: {} for name in teams}, "meters": {}}
    bodies = [body for poster in posters for body in poster.accepted]
    assert ledger_of(stack, teams) == states_of(expect(bodies, organisation))
    assert stack.run("verify").startswith("Everything agrees: ")


def ledger_of(stack: Stack, teams: set[str]) -> dict[tuple[str, ...], dict[int, str]]:
    """The state of every revision of these teams' measurements."""
    rows = json.loads(stack.run("events", "--json"))["rows"]
    return {
        (row["team"], row["kind"], row["source"], row["id"]): {
            revision["revision"]: revision["state"] for revision in row["revisions"]
        }
        for row in rows
        if row["team"] in teams
    }


def test_the_database_decides_where_reading_goes_on_and_what_a_log_lacks_is_said(
    cluster: KafkaCluster, stack: Stack
) -> None:
    """While nothing runs: the group's offsets are moved, retention eats records, a topic is made anew."""
    stack.run("team", "add", "facilities")
    for name in INTEGRATORS:
        added = stack.call("integrator", "add", name, "--teams", "facilities", **cluster.login("admin"))
        assert (added.returncode, "may write" in added.stderr) == (0, True), added.stderr
    kind = {"type": "nl.groenmeter.activity.v1", "data": {"indicator": "meals", "quantity": 1, "unit": "1"}}
    write(cluster, "lab", ANEW, *(bag(f"meals-{number}", **kind) for number in range(3)), {"id": "refused"})
    write(cluster, "lab", TOPIC, *(bag(f"counted-{number}") for number in range(5)))
    write(cluster, "lab", TOPIC, bag("counted-5"), partition=1)
    wait_until(lambda: len(counted(stack, "meals")) == 3, COUNTED_SECONDS)
    wait_until(lambda: len(counted(stack, "counted")) == 6, COUNTED_SECONDS)
    batches = batches_with_events(stack)
    stack.run("down")

    (end, _) = bounds_of(cluster, TOPIC)
    commit(cluster, {(TOPIC, 0): end + 3, (TOPIC, 1): 0})  # ahead of the database, and behind it
    write(cluster, "lab", TOPIC, *(bag(f"later-{number}") for number in range(8)))
    write(cluster, "lab", TOPIC, bag("later-8"), partition=1)
    forget(cluster, TOPIC, 0, end + 5)
    make_anew(cluster, ANEW)
    write(cluster, "lab", ANEW, bag("anew", **kind), {"id": "refused again"})
    stack.up()

    wait_until(lambda: stack.health().get("stopped") == 2, COUNTED_SECONDS)
    assert "groenmeter partitions" in stack.run("status")
    found = stopped(stack)
    assert {name: (row["reason"], row["next"]) for name, row in found.items()} == {
        f"{TOPIC}/0": ("log-mismatch", end),
        f"{ANEW}/0": ("log-mismatch", 4),
    }
    assert f"but the log begins at {end + 5}: at most 5 records were dropped" in found[f"{TOPIC}/0"]["detail"]
    assert "the topic was made anew" in found[f"{ANEW}/0"]["detail"]
    assert f"{TOPIC}/0 is not read on: " in log_of(stack, "processor-1", "processor-2")
    wait_until(lambda: counted(stack, "later") == ["later-8"], COUNTED_SECONDS)  # the others are read
    assert batches_with_events(stack) == batches + 1  # and nothing that the group had forgotten, again

    asked = stack.call("partitions", "--resume", f"{TOPIC}/0")
    assert (asked.returncode, f"--from begin ({end + 5})" in asked.stderr) == (1, True)
    assert stack.call("partitions", "--resume", f"{TOPIC}/0", "--from", "0").returncode == 1
    told = stack.call("partitions", "--resume", f"{TOPIC}/0", "--from", "begin")
    assert f"what was at offsets {end} to {end + 4} is not counted" in told.stderr
    stack.run("partitions", "--resume", f"{ANEW}/0", "--from", "begin")
    wait_until(lambda: counted(stack, "later") == [f"later-{n}" for n in (5, 6, 7, 8)], COUNTED_SECONDS)
    wait_until(lambda: counted(stack, "anew") == ["anew"], COUNTED_SECONDS)
    assert stack.status()["stopped"] == 0
    rows = json.loads(stack.run("rejects", "--json"))["rows"]
    assert {row["id"] for row in rows if row["topic"] == ANEW} == {"refused", "refused again"}
    with psycopg.connect(str(stack.state.owner_dsn)) as connection:
        audited = connection.execute(
            "SELECT subject, (after ->> 'next')::bigint FROM audit WHERE about = 'partition'"
        ).fetchall()
    assert dict(audited) == {f"{TOPIC}/0": end + 5, f"{ANEW}/0": 0}


def test_what_retention_eats_from_under_a_processor_that_runs_is_noticed(
    cluster: KafkaCluster, stack: Stack
) -> None:
    topic = "measurements.waste.kitchen"
    write(cluster, "kitchen", topic, bag("eaten-0"))
    wait_until(lambda: counted(stack, "eaten") == ["eaten-0"], COUNTED_SECONDS)
    (end, _) = bounds_of(cluster, topic)
    with pauses(stack, "processor-1", "processor-2"):
        write(cluster, "kitchen", topic, *(bag(f"eaten-{number}") for number in range(1, 7)))
        forget(cluster, topic, 0, end + 3)

    wait_until(lambda: stack.health().get("stopped") == 1, COUNTED_SECONDS)
    assert stopped(stack)[f"{topic}/0"]["next"] == end
    stack.run("partitions", "--resume", f"{topic}/0", "--from", "begin")
    wait_until(lambda: counted(stack, "eaten") == [f"eaten-{n}" for n in (0, 4, 5, 6)], COUNTED_SECONDS)


@contextmanager
def pauses(stack: Stack, *names: str) -> Iterator[None]:
    """Processes that hang meanwhile, for less than a session of the group."""
    processes = [psutil.Process(stack.process(name).pid) for name in names]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def batches_with_events(stack: Stack) -> int:
    with psycopg.connect(str(stack.state.owner_dsn)) as connection:
        row = connection.execute("SELECT count(*) FROM batch_log WHERE events > repeats").fetchone()
        return int(row[0]) if row else 0


def bounds_of(cluster: KafkaCluster, topic: str) -> tuple[int, int]:
    """The offsets that the next records of the first two partitions get."""

    async def ask() -> tuple[int, int]:
        async with AIOKafkaConsumer(**client_arguments(settings_of(cluster, "admin"))) as consumer:
            partitions = [TopicPartition(topic, number) for number in (0, 1)]
            ends = await consumer.end_offsets(partitions)
            return ends[partitions[0]], ends[partitions[1]]

    return asyncio.run(ask())


def commit(cluster: KafkaCluster, offsets: dict[tuple[str, int], int]) -> None:
    """Give the group other offsets, while nobody is in it."""

    async def ask() -> None:
        arguments = client_arguments(settings_of(cluster, "admin"))
        async with AIOKafkaConsumer(**arguments, group_id=GROUP, enable_auto_commit=False) as consumer:
            consumer.assign([TopicPartition(*partition) for partition in offsets])
            await consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})

    asyncio.run(ask())


def forget(cluster: KafkaCluster, topic: str, partition: int, before: int) -> None:
    """Let the log begin at an offset, as retention does."""
    records = {TopicPartition(topic, partition): RecordsToDelete(before)}
    cluster.ask(lambda admin: admin.delete_records(records))


def make_anew(cluster: KafkaCluster, topic: str) -> None:
    """Delete a topic and make it again, empty, under the same name."""

    async def ask() -> None:
        async with Administration(settings_of(cluster, "admin")) as administration:
            await administration.ensure_topics([topic])

    def made() -> bool:
        try:
            asyncio.run(ask())
        except KafkaError:
            return False
        return bounds_of(cluster, topic) == (0, 0)

    cluster.ask(lambda admin: admin.delete_topics([topic]))
    wait_until(made, COUNTED_SECONDS)
