"""The owner's commands, as they are typed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from services.errors import UserError
from services.local.postgres import Cluster
from services.store import commands
from services.store.configuration import load_configuration
from services.store.connection import connect_async
from services.store.tokens import find_token

Run = Callable[..., Result]


@pytest.fixture
def run(database: str, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `groenmeter` with these words on a database of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROENMETER_DATABASE_URL", database)
    monkeypatch.setenv("GROENMETER_BROKER", broker)
    app = typer.Typer()
    commands.register(app)
    return lambda *words: CliRunner().invoke(app, words)


def rows(result: Result) -> list[dict[str, object]]:
    answer = json.loads(result.stdout)
    assert set(answer) == {"rows"}
    return answer["rows"]


def test_a_team_is_added_changed_and_listed(run: Run, database: str) -> None:
    assert run("team", "add", "keuken", "--nl", "Keuken", "--detail").exit_code == 0
    assert run("team", "add", "keuken", "--en", "Kitchen").exit_code == 0

    expected = {"team": "keuken", "nl": "Keuken", "en": "Kitchen", "detail": True}
    assert rows(run("team", "list", "--json")) == [expected]
    assert "Kitchen" in run("team", "list").stdout
    assert load_configuration(database).current.organisation.teams["keuken"].detail


def test_adding_a_team_again_changes_nothing(run: Run, database: str) -> None:
    run("team", "add", "keuken")
    before = load_configuration(database).current.number
    assert run("team", "add", "keuken").exit_code == 0

    assert load_configuration(database).current.number == before


def test_a_slug_must_be_one(run: Run) -> None:
    result = run("team", "add", "De Keuken")

    assert isinstance(result.exception, UserError)
    assert "'De Keuken' is not a slug" in str(result.exception)


async def test_a_token_is_printed_alone_on_stdout_and_opens(run: Run, database: str) -> None:
    run("team", "add", "keuken")
    result = run("token", "create", "keuken")

    async with await connect_async(database, "writer") as connection:
        token, _ = await find_token(connection, result.stdout.removesuffix("\n"))
    assert token is not None
    assert (token.sort, token.own_team) == ("team", "keuken")
    assert timedelta(days=364) < token.expires_at - datetime.now(UTC) <= timedelta(days=365)


@pytest.mark.parametrize(
    ("words", "sort", "teams"),
    [
        (["keuken"], "team", ["keuken"]),
        (["--steward"], "steward", "all"),
        (["--steward", "--team", "keuken,lab"], "steward", ["keuken", "lab"]),
        (["--viewer"], "viewer", []),
    ],
)
def test_the_three_sorts_of_token(run: Run, words: list[str], sort: str, teams: object) -> None:
    run("team", "add", "keuken")
    run("team", "add", "lab")
    assert run("token", "create", *words, "--expires", "2099-12-31").exit_code == 0

    token = rows(run("token", "list", "--json"))[0]
    assert (token["sort"], token["teams"], token["state"]) == (sort, teams, "valid")
    assert token["expires"] == "2099-12-31T00:00:00+00:00"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["keuken", "--viewer"],
        ["--steward", "--viewer"],
        ["keuken", "--team", "keuken"],
        ["--viewer", "--expires", "soon"],
        ["--viewer", "--expires", "2020-01-01"],
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, words: list[str]) -> None:
    assert run("token", "create", *words).exit_code == 2


def test_a_token_for_a_team_that_is_not_there(run: Run) -> None:
    assert "groenmeter team add nobody" in str(run("token", "create", "nobody").exception)


def test_a_token_is_revoked_by_its_name_or_itself(run: Run) -> None:
    by_itself = run("token", "create", "--viewer").stdout.strip()
    run("token", "create", "--steward")
    names = [str(token["token"]) for token in rows(run("token", "list", "--json"))]

    assert run("token", "revoke", by_itself).exit_code == 0
    assert run("token", "revoke", names[1]).exit_code == 0
    assert [token["state"] for token in rows(run("token", "list", "--json"))] == ["revoked", "revoked"]
    assert isinstance(run("token", "revoke", "nobody").exception, UserError)


def test_secrets_are_never_listed(run: Run) -> None:
    secret = run("token", "create", "--viewer").stdout.strip()

    assert secret.split("_", 2)[2] not in run("token", "list").stdout + run("token", "list", "--json").stdout


def test_an_integrator_has_a_topic_for_each_kind(run: Run) -> None:
    run("team", "add", "keuken")
    result = run("integrator", "add", "gbs", "--teams", "keuken", "--nl", "Gebouwbeheer")

    topics = [
        f"measurements.{kind}.gbs"
        for kind in ("energy", "waste", "food-waste", "medication-waste", "activity")
    ]
    assert sorted(result.stdout.split()) == sorted(topics)
    row = rows(run("integrator", "list", "--json"))[0]
    assert (row["integrator"], row["teams"], row["nl"]) == ("gbs", ["keuken"], "Gebouwbeheer")
    assert "measurements.energy.gbs" in run("integrator", "list").stdout


def test_an_integrator_speaks_for_known_teams_only(run: Run) -> None:
    assert "integrators.gbs.teams" in str(run("integrator", "add", "gbs", "--teams", "nobody").exception)


def test_the_organisation_s_file_is_applied(run: Run, tmp_path: Path) -> None:
    (tmp_path / "org.toml").write_text('[teams.lab]\nnl = "Lab"\n[sites.west]\n')

    assert run("organisation", "apply", "org.toml").exit_code == 0
    assert [row["team"] for row in rows(run("team", "list", "--json"))] == ["lab"]
    assert "org2.toml" in str(run("organisation", "apply", "org2.toml").exception)


def test_migrate_shows_its_plan_and_applies_it_once(
    run: Run, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.create_database("test_plan")
    monkeypatch.setenv("GROENMETER_DATABASE_URL", postgres.dsn("test_plan"))

    plan = run("migrate", "--plan").stdout.split()
    with psycopg.connect(postgres.dsn("test_plan")) as connection:
        assert connection.execute("SELECT to_regclass('configuration')").fetchone() == (None,)
    assert plan[0].startswith("0001")
    assert run("migrate").stdout.split() == plan
    assert run("migrate").stdout == run("migrate", "--plan").stdout == ""
