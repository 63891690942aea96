"""Grafanas that cannot be had here, as far as their answers differ from those that were recorded."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.errors import UserError
from services.provisioning.provision import provision
from services.provisioning.wanted import Wanted, datasource_of, named_for, password_fingerprint
from services.settings import Settings
from tests.integration.provisioning.traffic import TOKEN, Call, Traffic

LONG, SHORT = "grafana-postgresql-datasource", "postgres"
BOARD = {
    "id": None,
    "uid": "groenmeter-first-nl",
    "title": "Eerste",
    "tags": ["groenmeter"],
    "panels": [{"datasource": {"type": LONG, "uid": "groenmeter"}}],
}
DATASOURCE, PASSWORD = datasource_of("postgresql://reader:hush@127.0.0.1:1/groenmeter")
WANTED = Wanted(DATASOURCE, PASSWORD, (BOARD,), {"title": "groenmeter", "rules": []})


class Canned(Traffic):
    """Has one answer to each question and takes every command; what it was not told about it has not."""

    def __init__(self, version: str, answers: dict[str, Any]) -> None:
        super().__init__()
        self._answers = {
            "/api/frontend/settings": {"buildInfo": {"version": version}},
            "/api/datasources": [],
            "/api/folders": [],
            "/api/folders/groenmeter/permissions": [],
            "/api/search": [],
            "/api/v1/provisioning/alert-rules": [],
        } | answers

    def respond(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        known = self._answers.get(path.split("?")[0])
        status, answer = (200, {}) if method != "GET" else (404, {}) if known is None else (200, known)
        self.calls.append(Call(method, path, body, status, answer))
        return status, answer


def _full(version: str, plugin: str, **changes: dict[str, Any]) -> Canned:
    """A Grafana that has all of ours, with PostgreSQL's plug-in called as given; `changes` by path."""
    fingerprint = {"passwordFingerprint": password_fingerprint(PASSWORD, SecretStr(TOKEN))}
    answers = {
        "/api/datasources/uid/groenmeter": named_for(DATASOURCE, plugin)
        | {"jsonData": DATASOURCE["jsonData"] | fingerprint, "version": 3},
        "/api/folders/groenmeter": {"uid": "groenmeter", "title": "Groenmeter"},
        "/api/folders/groenmeter/permissions": [
            {"role": "Admin", "permission": 4, "inherited": True},
            {"role": "Viewer", "permission": 1},
            {"role": "Editor", "permission": 1},
        ],
        "/api/dashboards/uid/groenmeter-first-nl": {
            "dashboard": named_for(BOARD, plugin) | {"id": 7, "version": 2},
            "meta": {"folderUid": "groenmeter"},
        },
    }
    for path, change in changes.items():
        answers[path] = {**answers.get(path, {}), **change}
    return Canned(version, answers)


def _run(grafana: Traffic, **options: bool) -> list[str]:
    lines: list[str] = []
    with grafana.serving():
        settings = Settings(grafana_url=grafana.url, grafana_token=SecretStr(TOKEN))
        provision(settings, WANTED, lines.append, **options)
    return lines


@pytest.mark.parametrize(("version", "plugin"), [("10.2.2", SHORT), ("10.2.3", LONG), ("13.0.1", LONG)])
def test_the_plug_in_has_the_name_that_this_grafana_gives_it(version: str, plugin: str) -> None:
    grafana = Canned(version, {})

    _run(grafana)

    bodies = {call.path: call.body for call in grafana.calls if call.method == "POST"}
    assert bodies["/api/datasources"]["type"] == plugin
    assert bodies["/api/dashboards/db"]["dashboard"]["panels"][0]["datasource"]["type"] == plugin


@pytest.mark.parametrize("plugin", [SHORT, LONG])
def test_both_names_of_the_plug_in_are_the_same_to_us(plugin: str) -> None:
    grafana = _full("12.4.4", plugin)

    (said,) = _run(grafana)

    assert said.endswith("nothing to change")
    assert grafana.writes() == []


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/api/datasources/uid/groenmeter", {"readOnly": True, "user": "somebody"}),
        (
            "/api/dashboards/uid/groenmeter-first-nl",
            {"dashboard": BOARD | {"title": "Old"}, "meta": {"folderUid": "groenmeter", "provisioned": True}},
        ),
    ],
)
def test_what_comes_from_files_is_not_ours_to_change(path: str, change: dict[str, Any]) -> None:
    grafana = _full("12.4.4", SHORT, **{path: change})

    with pytest.raises(UserError, match="comes from provisioning files"):
        _run(grafana)

    assert grafana.writes() == []


def test_what_comes_from_files_and_is_right_stays() -> None:
    files = {"readOnly": True, "jsonData": DATASOURCE["jsonData"]}
    grafana = _full("12.4.4", SHORT, **{"/api/datasources/uid/groenmeter": files})

    assert _run(grafana)[0].endswith("nothing to change")


def test_a_password_that_the_database_refuses_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.provisioning.provision._REMEMBERED_SECONDS", 0)
    said = {"status": "ERROR", "message": 'pq: password authentication failed for user "reader"'}
    grafana = _full("12.4.4", SHORT, **{"/api/datasources/uid/groenmeter/health": said})

    lines = _run(grafana)

    assert lines[0] == "changed datasource Groenmeter"
    assert "cannot read the database at 127.0.0.1:1: pq: password" in lines[1]
    (call,) = [call for call in grafana.calls if call.method == "PUT"]
    assert call.body["secureJsonData"] == {"password": "hush"}
    assert call.body["version"] == 3  # so that another's change in between is refused


def test_a_database_that_is_only_down_is_told_and_nothing_is_sent() -> None:
    said = {"status": "ERROR", "message": "connection refused"}
    grafana = _full("12.4.4", SHORT, **{"/api/datasources/uid/groenmeter/health": said})

    lines = _run(grafana)

    assert lines[0].endswith("nothing to change")
    assert "connection refused" in lines[1]
    assert grafana.writes() == []


def test_alerting_that_is_switched_off_matters_to_those_who_want_alerts() -> None:
    off = {"/api/v1/provisioning/alert-rules": None}
    assert _run(Canned("12.4.4", off))[0] == "created datasource Groenmeter"

    grafana = Canned("12.4.4", off)
    with pytest.raises(UserError, match="unified alerting switched off"):
        _run(grafana, with_alerts=True)
    assert grafana.writes() == []
