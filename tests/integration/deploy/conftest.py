"""A deployment on this machine: brokers, an empty database, and the secrets that the command makes."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.local import broker as tansu
from services.local.child import spawn
from services.local.ports import free_port
from services.local.postgres import SUPERUSER, Cluster
from tests.compose_file import DEPLOY, environment_of
from tests.integration.deploy.deployment import SERVICES, Deployment, move
from tests.kafka import kafka_libraries
from tests.waiting import wait_until

START_SECONDS = 60
_numbers = itertools.count(1)


@pytest.fixture
def deployment(postgres: Cluster, tmp_path: Path) -> Iterator[Deployment]:
    """Secrets and an empty database; nothing runs yet, and all that will is ended at the end."""
    database = f"deployment_{next(_numbers)}"
    postgres.create_database(database)
    shutil.copy(DEPLOY / "make_secrets.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_secrets.py"], capture_output=True, check=True)
    _move_database(tmp_path / "secrets", postgres, database)
    places = {
        "8080": str(free_port()),
        "0.0.0.0": "127.0.0.1",  # noqa: S104
        "/run/secrets": str(tmp_path / "secrets"),
    }
    deployment = Deployment(tmp_path, places)
    try:
        yield deployment
    finally:
        for process in deployment.running.values():
            process.kill()
            process.wait()
        postgres.drop_database(database)


def _move_database(secrets: Path, postgres: Cluster, database: str) -> None:
    """Let the addresses name the tests' server, which has an owner's password already."""
    owner = (secrets / "owner_password").read_text()
    for file in secrets.glob("*_url"):
        text = file.read_text().replace(f"{SUPERUSER}:{owner}@", f"{SUPERUSER}:{postgres.password}@")
        file.write_text(text.replace("@database:5432/groenmeter", f"@127.0.0.1:{postgres.port}/{database}"))


@pytest.fixture(params=["embedded", "kafka"])
def kafka(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a broker: the embedded one, and a real Kafka where Java and Maven are there."""
    running = (
        _embedded_broker(tmp_path)
        if request.param == "embedded"
        else _real_kafka(kafka_libraries(), tmp_path)
    )
    with running as address:
        yield address


@contextmanager
def _embedded_broker(directory: Path) -> Iterator[str]:
    port = free_port()
    server = spawn(tansu.command(port), directory / "kafka.log")
    try:
        wait_until(lambda: tansu.is_ready(port), START_SECONDS)
        yield f"{tansu.HOST}:{port}"
    finally:
        server.kill()
        server.wait()


@contextmanager
def _real_kafka(libraries: str, directory: Path) -> Iterator[str]:
    """Set up by the program of Kafka's own image, from the variables of the Compose file."""
    client, controller = str(free_port()), str(free_port())
    places = {
        "kafka:9093": f"127.0.0.1:{controller}",
        "kafka:9092": f"127.0.0.1:{client}",
        "//:9092": f"//127.0.0.1:{client}",
        "//:9093": f"//127.0.0.1:{controller}",
        "/var/lib/kafka/data": str(directory / "kafka"),
    }
    environment = {name: move(value, places) for name, value in environment_of(SERVICES["kafka"]).items()}
    environment["PATH"] = os.environ["PATH"]
    for name in ("default", "mounted", "final"):
        (directory / name).mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (directory / "default" / name).touch()
    configs = [
        word
        for name in ("default", "mounted", "final")
        for word in (f"--{name}-configs-dir", directory / name)
    ]
    setup = ["java", "-cp", libraries, "kafka.docker.KafkaDockerWrapper", "setup", *configs]
    subprocess.run(setup, env=environment, capture_output=True, timeout=START_SECONDS, check=True)

    heap = environment["KAFKA_HEAP_OPTS"].split()
    properties = directory / "final" / "server.properties"
    command = ["java", *heap, "-cp", libraries, "kafka.Kafka", properties]
    server = spawn(command, directory / "kafka.log", environment=environment)
    _, *check = (word.replace("9092", client) for word in SERVICES["kafka"]["healthcheck"]["test"])
    try:
        wait_until(
            lambda: subprocess.run(check, capture_output=True, check=False).returncode == 0, START_SECONDS
        )
        yield f"127.0.0.1:{client}"
    finally:
        server.kill()
        server.wait()
