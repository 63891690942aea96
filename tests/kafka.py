"""A real Apache Kafka of one or three nodes on this machine: started, killed and started again by the tests.

    with kafka_cluster(directory, nodes=3) as cluster:
        stack = make(**cluster.settings)   # the settings of a stack that uses it: BROKER, and a login
        cluster.kill(2)                    # as a crash would
        cluster.start(2)

Java and Maven bring it; without them the test that asks for it is skipped and says loudly what was not done.
"""

import asyncio
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.broker import client_arguments
from services.local.broker import is_ready
from services.local.child import spawn
from services.local.ports import free_port
from services.local.timescale import cache_directory, only_one
from services.settings import Settings
from tests.compose_file import read_compose
from tests.waiting import wait_until

Answer = TypeVar("Answer")

MODULES = Path(__file__).with_name("kafka.xml")
SUMS = Path(__file__).with_name("kafka.sha256")
DOWNLOAD_SECONDS = 300
START_SECONDS = 60
REQUEST_MILLISECONDS = 3000
# Small and quick to start: two cores run three of them beside everything else.
JAVA = ("java", "-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
ADMIN = "admin"
_PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}
listener.security.protocol.map=CLIENT:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
log.dirs={directory}/data
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=3
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
replica.lag.time.max.ms=6000
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=0
num.network.threads=2
num.io.threads=4
"""
_SECURED = """\
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.client.ssl.keystore.type=PKCS12
listener.name.client.ssl.keystore.location={directory}/../keys.p12
listener.name.client.ssl.keystore.password={password}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:admin;User:ANONYMOUS
"""  # nobody is anonymous on the listener of the clients; between the nodes everybody is


@dataclass
class Node:
    """One broker, which is a controller too."""

    number: int
    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.directory / "kafka.log"


@dataclass
class KafkaCluster:
    """The nodes by their numbers, from 1. `settings`: of a stack that uses it, without their prefix."""

    nodes: dict[int, Node]
    settings: dict[str, str]
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> str:
        """`host:port` of every node, with commas."""
        return self.settings["BROKER"]

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the nodes that run, as `kafka-1` and so on."""
        return {
            f"kafka-{node.number}": node.process.pid
            for node in self.nodes.values()
            if node.process is not None and node.is_running
        }

    def login(self, user: str) -> dict[str, str]:
        """The settings with which this user reaches a cluster that has logins."""
        return self.settings | {"BROKER_USER": user, "BROKER_PASSWORD": self.passwords[user]}

    def start(self, *numbers: int) -> None:
        """Start nodes (all, without numbers) that do not run, and wait until they are part of the cluster."""
        for number in numbers or tuple(self.nodes):
            node = self.nodes[number]
            if not node.is_running:
                node.process = spawn(
                    _java("kafka.Kafka", f"{node.directory}/server.properties"),
                    node.log,
                    environment={"PATH": os.environ["PATH"]},
                )
        # A node opens its port when it has caught up with what the controllers know.
        running = [node for node in self.nodes.values() if node.is_running]
        wait_until(lambda: all(is_ready(node.port) for node in running), START_SECONDS)
        wait_until(lambda: self.brokers() >= len(running), START_SECONDS)

    def kill(self, *numbers: int) -> None:
        """End nodes as a crash would."""
        for how in (subprocess.Popen.kill, subprocess.Popen.wait):
            for number in numbers:
                process = self.nodes[number].process
                if process is not None:
                    how(process)

    def suspend(self, number: int) -> None:
        """Let a node hang: it answers nothing, and its connections stay."""
        self._signal(number, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let a suspended node go on."""
        self._signal(number, signal.SIGCONT)

    def brokers(self) -> int:
        """How many nodes the cluster says it has now; 0 when it does not answer."""
        try:
            return len(self.ask(lambda client: client.describe_cluster())["brokers"])
        except (KafkaError, OSError):
            return 0

    def coordinator_of(self, group: str) -> int:
        """The node that coordinates a consumer group."""
        return int(self.ask(lambda client: client.find_coordinator(group)))

    def leader_of(self, topic: str, partition: int) -> int:
        """The node that leads a partition; -1 when none does."""
        (found,) = self.ask(lambda client: client.describe_topics([topic]))
        return next(int(entry["leader"]) for entry in found["partitions"] if entry["partition"] == partition)

    def is_in_sync(self) -> bool:
        """Whether every partition of every topic has all its replicas in sync."""
        try:
            topics = self.ask(lambda client: client.describe_topics())
        except (KafkaError, OSError):
            return False
        partitions = [entry for topic in topics for entry in topic["partitions"]]
        return all(len(entry["isr"]) == len(entry["replicas"]) for entry in partitions)

    def ask(self, question: Callable[[AIOKafkaAdminClient], Awaitable[Answer]]) -> Answer:
        """The answer of one call of the administration client, as the user of `settings`."""

        async def answer() -> Answer:
            given: dict[str, Any] = {name.lower(): value for name, value in self.settings.items()}
            client = AIOKafkaAdminClient(
                **client_arguments(Settings(**given)), request_timeout_ms=REQUEST_MILLISECONDS
            )
            try:
                await client.start()
                return await question(client)
            finally:
                with suppress(KafkaError, OSError):
                    await client.close()

        return asyncio.run(answer())

    def _signal(self, number: int, which: signal.Signals) -> None:
        process = self.nodes[number].process
        assert process is not None
        process.send_signal(which)


@contextmanager
def kafka_cluster(nodes: int = 3, users: Iterable[str] = ()) -> Iterator[KafkaCluster]:
    """A cluster that runs: every topic of it by default on all nodes, min.insync.replicas 2 on three of them.

    With `users`: SASL/SCRAM-SHA-512 over TLS and ACLs that allow nobody anything but the user `admin`, whose
    login is the one in `settings`; each of the users has a password in `passwords`.
    """
    kafka_libraries()
    with tempfile.TemporaryDirectory(prefix="groenmeter-kafka-") as name:
        directory = Path(name)
        ports = {number: [free_port() for _ in range(3)] for number in range(1, nodes + 1)}
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, (_, _, port) in ports.items())
        cluster = KafkaCluster({}, {"BROKER": ",".join(f"127.0.0.1:{port}" for port, *_ in ports.values())})
        protocol, template = "PLAINTEXT", _PROPERTIES
        if users:
            protocol, template = "SASL_SSL", _PROPERTIES + _SECURED
            _secure(cluster, directory, users)
        for number, (client, internal, controller) in ports.items():
            node = Node(number, directory / f"kafka-{number}", client)
            cluster.nodes[number] = node
            node.directory.mkdir()
            text = template.format(
                number=number,
                voters=voters,
                client=client,
                internal=internal,
                controller=controller,
                protocol=protocol,
                directory=node.directory,
                replicas=nodes,
                in_sync=max(1, nodes - 1),
                password=cluster.passwords.get("keys"),
            )
            (node.directory / "server.properties").write_text(text)
        _format(cluster)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.kill(*cluster.nodes)


def kafka_libraries() -> str:
    """The class path of the Kafka that the Compose file names; fetched once and kept in the cache directory.

    Each file must have the SHA-256 that is written down here.
    """
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("NOT TESTED: nothing was run on a real Apache Kafka, which needs Java and Maven")
    return _obtain()


@cache
def _obtain() -> str:
    sums = dict(reversed(line.split()) for line in SUMS.read_text().splitlines())
    image = read_compose({"KAFKA_CLUSTER_ID": "any"})["services"]["kafka"]["image"]
    version = str(image).rpartition(":")[2]
    place = cache_directory() / f"kafka-{version}"
    with only_one(cache_directory() / "kafka.lock"):
        if _sums_of(place) != sums:
            with tempfile.TemporaryDirectory(prefix="fetching-", dir=cache_directory()) as name:
                work = Path(name) / "lib"
                _fetch(version, work)
                found = _sums_of(work)
                different = {file for file in sums.keys() | found if sums.get(file) != found.get(file)}
                assert not different, f"not the Kafka {version} of {SUMS.name}: {sorted(different)}"
                shutil.rmtree(place, ignore_errors=True)
                work.rename(place)
    return f"{place}/*"


def _fetch(version: str, directory: Path) -> None:
    """The files from Maven Central, or from the mirror that Maven is set to."""
    result = subprocess.run(
        [
            *("mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", MODULES),
            *("dependency:copy-dependencies", f"-Dkafka.version={version}", f"-DoutputDirectory={directory}"),
        ],
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_SECONDS,
        check=False,
    )
    if result.returncode:
        pytest.skip(f"NOT TESTED: nothing was run on a real Apache Kafka: {result.stdout[:500]}")


def _sums_of(directory: Path) -> dict[str, str]:
    files = directory.glob("*.jar")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _java(program: str, *arguments: str) -> list[str]:
    return [*JAVA, "-cp", kafka_libraries(), program, *arguments]


def _secure(cluster: KafkaCluster, directory: Path, users: Iterable[str]) -> None:
    """Passwords for everybody, and a certificate that the nodes share and every client trusts."""
    cluster.passwords |= {name: secrets.token_urlsafe() for name in (ADMIN, "keys", *users)}
    key = [
        *("keytool", "-genkeypair", "-alias", "kafka", "-keyalg", "EC", "-dname", "CN=kafka"),
        *("-validity", "30", "-ext", "SAN=IP:127.0.0.1", "-ext", "BC=ca:true", "-storetype", "PKCS12"),
    ]
    certificate = ["keytool", "-exportcert", "-rfc", "-alias", "kafka", "-file", str(directory / "ca.pem")]
    for command in (key, certificate):
        store = ["-keystore", str(directory / "keys.p12"), "-storepass", cluster.passwords["keys"]]
        subprocess.run([*command, *store], capture_output=True, timeout=START_SECONDS, check=True)
    cluster.settings |= {
        "BROKER_SECURITY": "SASL_SSL:SCRAM-SHA-512",
        "BROKER_CA": str(directory / "ca.pem"),
        "BROKER_USER": ADMIN,
        "BROKER_PASSWORD": cluster.passwords[ADMIN],
    }


def _format(cluster: KafkaCluster) -> None:
    """Prepare the directories of all nodes, and the logins with them."""
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    logins = [
        word
        for name, password in cluster.passwords.items()
        if name != "keys"
        for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
    ]
    formats = []
    for node in cluster.nodes.values():
        arguments = ["-t", cluster_id, "-c", f"{node.directory}/server.properties", *logins]
        command = _java("kafka.tools.StorageTool", "format", *arguments)
        formats.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    for process in formats:
        output, _ = process.communicate(timeout=START_SECONDS)
        assert process.returncode == 0, output.decode()
