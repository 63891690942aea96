"""`groenmeter provision` and what `up` does of it, as whoever runs it sees them."""

from collections.abc import Callable
from pathlib import Path

import niquests
import pytest

from tests.integration.provisioning.conftest import REAL_TOKEN, REAL_URL
from tests.stacks import Stack

NOWHERE = {"GRAFANA_URL": "http://127.0.0.1:1", "GRAFANA_TOKEN": "hush-hush"}
real_grafana = pytest.mark.skipif(
    not REAL_URL,
    reason="no real Grafana: set GROENMETER_TEST_GRAFANA_URL and _TOKEN to one that may lose all of ours",
)


@pytest.fixture(scope="module")
def wish(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A home in which nothing runs."""
    return Stack(tmp_path_factory.mktemp("home"))


def _refusal(stack: Stack, *arguments: str, **settings: str) -> str:
    result = stack.call("provision", *arguments, **settings)
    assert result.returncode == 1, result
    assert "Traceback" not in result.stderr
    assert "hush" not in result.stdout + result.stderr
    return result.stderr


def test_what_is_not_set_is_asked_for(wish: Stack) -> None:
    database = {"GRAFANA_DATABASE_URL": "postgresql://reader:hush@127.0.0.1/groenmeter"}

    assert "GROENMETER_GRAFANA_DATABASE_URL" in _refusal(wish, **NOWHERE)
    assert "--grafana-url" in _refusal(wish, **database)
    assert "GROENMETER_GRAFANA_TOKEN_FILE" in _refusal(
        wish, "--grafana-url", "http://127.0.0.1:1", **database
    )
    assert "cannot be reached" in _refusal(wish, **NOWHERE, **database)
    login = _refusal(wish, "--grafana-url", "http://admin:hush@127.0.0.1:1", **database)
    assert "service account" in login


def test_the_files_are_written_without_any_grafana(wish: Stack, tmp_path: Path) -> None:
    database = {"GRAFANA_DATABASE_URL": "postgresql://reader:hush@database:5432/groenmeter"}

    result = wish.call("provision", "--with-alerts", "--export", str(tmp_path), **database)

    assert result.returncode == 0, result.stderr
    assert "GROENMETER_GRAFANA_DATABASE_PASSWORD" in result.stdout
    texts = {path.relative_to(tmp_path).parts[0]: path.read_text() for path in tmp_path.rglob("*.*")}
    assert set(texts) == {"datasources", "dashboards", "alerting"}
    assert not any("hush" in text for text in texts.values())


def test_files_and_a_grafana_at_once_are_wrong_usage(wish: Stack, tmp_path: Path) -> None:
    result = wish.call("provision", "--export", str(tmp_path), "--dry-run")

    assert result.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_the_stack_is_up_without_its_grafana(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(**NOWHERE)

    said = stack.run("up", "--detach")

    assert "Grafana was not brought up to date: Grafana at http://127.0.0.1:1 cannot be reached" in said
    assert "The stack is up" in said
    log = Path(stack.state.supervisor.log).read_text()
    assert "hush-hush" not in said + log


@real_grafana
def test_up_brings_a_real_grafana_up_to_date(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(GRAFANA_URL=REAL_URL, GRAFANA_TOKEN=REAL_TOKEN)

    said = stack.run("up", "--detach")

    assert "datasource Groenmeter" in said
    assert "cannot read the database" not in said
    assert "nothing to change" in stack.run("provision")
    assert REAL_TOKEN not in said
    query = {
        "refId": "A",
        "datasource": {"uid": "groenmeter"},
        "format": "table",
        "rawSql": "SELECT current_user::text AS login, count(*) AS targets FROM dashboard_target",
    }
    answer = niquests.post(
        f"{REAL_URL}/api/ds/query",
        json={"queries": [query], "from": "now-1h", "to": "now"},
        headers={"Authorization": f"Bearer {REAL_TOKEN}"},
        timeout=30,
    ).json()
    (frame,) = answer["results"]["A"]["frames"]
    assert frame["data"]["values"][0] == ["groenmeter_dashboards"]
