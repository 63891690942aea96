"""Fixtures that more than one part uses: a real database, a real broker, a whole stack on this machine."""

import itertools
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from services.local import broker as tansu
from services.local.account import database_account
from services.local.child import spawn
from services.local.ports import free_port
from services.local.postgres import FOR_TESTS, Cluster, new_password
from services.local.timescale import obtain
from services.settings import PREFIX
from tests.kafka import KafkaCluster, kafka_cluster
from tests.stacks import Stack, temporary_stacks
from tests.waiting import wait_until

# How long an example takes says nothing on a machine that does other things as well.
settings.register_profile("whatever the load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whatever the load")

TEMPLATE = "template_groenmeter"
_numbers = itertools.count(1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests reported of themselves with `record_property("report", ...)`."""
    for test in terminalreporter.getreports("passed"):
        for name, text in test.user_properties:
            if name == "report":
                terminalreporter.section(test.nodeid)
                terminalreporter.write_line(str(text))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kafka NODES`: run the acceptance tests on a real Apache Kafka."""
    parser.addoption("--kafka", type=int, default=0, help="nodes of a real Apache Kafka for the stacks")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_whoever_runs_the_tests() -> Iterator[None]:
    """Nor the variables that name a real Grafana to test with: to our commands they are unknown settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def open_directory() -> Iterator[Path]:
    """A temporary directory that the database's account can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="groenmeter-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@pytest.fixture(scope="session")
def postgres(open_directory: Path) -> Iterator[Cluster]:
    """One TimescaleDB server for the whole session, without fsync, with the template database migrated."""
    data = open_directory / "database"
    cluster = Cluster(obtain(print), data, database_account(data), free_port(), new_password())
    cluster.initialise()
    server = spawn(
        cluster.command(FOR_TESTS),
        open_directory / "database.log",
        account=cluster.account,
        parent_death=signal.SIGQUIT,
    )
    try:
        wait_until(cluster.is_ready, 30)
        yield cluster
    finally:
        _end(server, signal.SIGINT)


@pytest.fixture(scope="session")
def template(postgres: Cluster) -> str:
    """The name of a database with all migrations applied."""
    from services.store.migrate import migrate

    postgres.create_database(TEMPLATE)
    migrate(postgres.dsn(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database(postgres: Cluster, template: str) -> Iterator[str]:
    """The owner's address of a fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    postgres.create_database(name, template)
    yield postgres.dsn(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def broker(open_directory: Path) -> Iterator[str]:
    """The address of a Kafka-protocol broker of our own, for the whole session: use topics of your own."""
    port = free_port()
    server = spawn(tansu.command(port), open_directory / "broker.log")
    try:
        wait_until(lambda: tansu.is_ready(port), 10)
        yield f"{tansu.HOST}:{port}"
    finally:
        _end(server, signal.SIGTERM)


@pytest.fixture(scope="module")
def kafka(request: pytest.FixtureRequest) -> Iterator[KafkaCluster | None]:
    """With `--kafka NODES` a real cluster for the stack of a module, else None: the embedded broker."""
    nodes: int = request.config.getoption("--kafka")
    if nodes:
        with kafka_cluster(nodes) as cluster:
            yield cluster
    else:
        yield None


@pytest.fixture
def new_stack() -> Iterator[Callable[..., Stack]]:
    """Makes stacks in fresh homes with the given settings (`WORKERS="2"`); all are ended at the end."""
    with temporary_stacks() as make:
        yield make


@pytest.fixture(scope="module")
def stack(kafka: KafkaCluster | None) -> Iterator[Stack]:
    """A stack that is up, shared by the tests of a module."""
    with temporary_stacks() as make:
        stack = make(**(kafka.settings if kafka else {}))
        stack.up()
        yield stack


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
