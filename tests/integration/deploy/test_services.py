"""The services of the Compose file, started as it is written there."""

import signal

import psycopg
import pytest

from services.local.postgres import Cluster
from tests.door_client import Client
from tests.integration.deploy.deployment import SERVICES, Deployment
from tests.waiting import wait_until

PROCESSES = ("door", "processor", "tracker", "teller")
START_SECONDS = 60
COUNT_SECONDS = 30
EVENT = {
    "specversion": "1.0",
    "id": "2026-03-02-residual",
    "source": "/ward/a4/scale",
    "type": "nl.groenmeter.waste.v1",
    "time": "2026-03-02T16:30:00+01:00",
    "data": {"stream": "residual", "quantity": 12.5, "unit": "kg", "method": "weighed"},
}


def test_a_deployment_counts_what_is_posted_to_it(deployment: Deployment, kafka: str) -> None:
    deployment.places["kafka:9092"] = kafka
    deployment.operate(*SERVICES["migrate"]["command"])
    for name in PROCESSES:
        deployment.start(name)
    for name in PROCESSES:
        wait_until(lambda name=name: deployment.is_well(name), START_SECONDS)

    deployment.operate("groenmeter", "team", "add", "verpleging-a4")
    token = deployment.operate("groenmeter", "token", "create", "verpleging-a4").strip()
    client = Client(int(deployment.places["8080"]), token)
    answer = client.post(EVENT)
    assert answer.status == 202, answer.json

    question = "/v1/totals?kind=waste&from=2026-03-02&to=2026-03-03"
    rows = wait_until(lambda: client.get(question).json["rows"], COUNT_SECONDS)
    assert [(row["quantity"], row["unit"]) for row in rows] == [(12.5, "kg")]
    for name in PROCESSES:
        assert deployment.is_well(name)
    for name in PROCESSES:
        # The door's server ends by the signal itself, once it has finished what it had begun.
        assert deployment.end(name) in (0, -signal.SIGTERM), deployment.log(name).read_text()


def test_each_login_has_the_least_that_it_needs(deployment: Deployment) -> None:
    deployment.operate(*SERVICES["migrate"]["command"])
    deployment.operate(*SERVICES["migrate"]["command"])  # as at the next start

    secrets = deployment.directory / "secrets"
    with psycopg.connect((secrets / "services_url").read_text(), autocommit=True) as services:
        assert services.execute("SELECT count(*) FROM measurement").fetchone() == (0,)
        for statement in ("DELETE FROM measurement", "CREATE TABLE mine ()", "CREATE ROLE mine"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                services.execute(statement)
    with psycopg.connect((secrets / "dashboards_url").read_text(), autocommit=True) as dashboards:
        for table in ("token", "installation", "free_text"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                dashboards.execute(f"SELECT * FROM {table}")  # noqa: S608


@pytest.mark.parametrize(
    ("login", "complaint"),
    [
        ("owner=/run/secrets/owner_url", "is not writer=FILE or reader=FILE"),
        ("writer=/run/secrets/missing", "cannot read"),
        ("writer=/run/secrets/grafana_secret_key", "must hold postgresql://user:password@host:port/database"),
    ],
)
def test_a_login_that_cannot_be_made_is_refused(deployment: Deployment, login: str, complaint: str) -> None:
    result = deployment.run("migrate", ["groenmeter", "migrate", "--login", login])

    assert result.returncode in (1, 2)
    assert complaint in result.stderr
    assert (deployment.directory / "secrets" / "grafana_secret_key").read_text() not in result.stderr


def test_the_database_knows_what_it_is_set_to(postgres: Cluster) -> None:
    program, *options = SERVICES["database"]["command"]
    assert program == "postgres"
    assert set(options[::2]) == {"-c"}
    names = [option.partition("=")[0] for option in options[1::2]]

    with psycopg.connect(postgres.dsn("postgres")) as connection:
        known = connection.execute("SELECT name FROM pg_settings WHERE name = ANY(%s)", (names,)).fetchall()
    # The extension's own settings are known where it is in use.
    assert {name for (name,) in known} | {"timescaledb.telemetry_level"} == set(names)
