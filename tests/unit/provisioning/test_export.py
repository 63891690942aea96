import json
from pathlib import Path
from typing import Any

import yaml

from dashboards.alert_rules import alert_group
from services.provisioning.export import export
from services.provisioning.wanted import Wanted, datasource_of, named_for

URL = "postgresql://re$der:hush@database:5432/groenmeter?sslmode=disable"
BOARD = {
    "id": None,
    "uid": "groenmeter-first-nl",
    "title": "Één",
    "panels": [{"datasource": {"type": "grafana-postgresql-datasource", "uid": "groenmeter"}}],
    "templating": {"list": [{"query": "SELECT '$team'"}]},
}
OTHER = BOARD | {"uid": "groenmeter-other-nl", "title": "Ander"}


def _export(directory: Path, *boards: dict[str, Any], with_alerts: bool = False) -> dict[str, str]:
    wanted = Wanted(*datasource_of(URL), boards or (BOARD,), alert_group())
    written = export(wanted, directory, with_alerts=with_alerts)
    files = {str(path.relative_to(directory)): path.read_text() for path in sorted(directory.rglob("*.*"))}
    assert {str(path.relative_to(directory)) for path in written} == set(files)
    return files


def test_the_datasource_has_its_uid_and_takes_the_password_from_the_environment(tmp_path: Path) -> None:
    text = _export(tmp_path)["datasources/groenmeter.yaml"]

    (source,) = yaml.safe_load(text)["datasources"]
    assert (source["uid"], source["type"], source["editable"]) == ("groenmeter", "postgres", False)
    assert source["secureJsonData"] == {"password": "$GROENMETER_GRAFANA_DATABASE_PASSWORD"}
    assert source["user"] == "re$$der"  # a single `$` would name a variable
    assert "hush" not in text


def test_the_provider_finds_the_dashboards_and_lets_nobody_change_them(tmp_path: Path) -> None:
    files = _export(tmp_path)

    (provider,) = yaml.safe_load(files["dashboards/groenmeter.yaml"])["providers"]
    assert (provider["folder"], provider["folderUid"]) == ("Groenmeter", "groenmeter")
    assert provider["allowUiUpdates"] is False
    place = provider["options"]["path"].removeprefix("$GF_PATHS_PROVISIONING/")
    board = json.loads(files[f"{place}/groenmeter-first-nl.json"])
    assert board == named_for(BOARD, "postgres")  # with its `$team` as it is


def test_alert_rules_are_written_on_demand(tmp_path: Path) -> None:
    assert "alerting/groenmeter.yaml" not in _export(tmp_path)

    text = _export(tmp_path, with_alerts=True)["alerting/groenmeter.yaml"]

    (group,) = yaml.safe_load(text)["groups"]
    assert group["rules"] == named_for(alert_group()["rules"], "postgres")
    assert "rawSql: |" in text  # in lines, as people read SQL
    assert "alerting/groenmeter.yaml" not in _export(tmp_path)


def test_writing_again_gives_the_same_and_takes_away_what_is_gone(tmp_path: Path) -> None:
    first = _export(tmp_path, BOARD, OTHER)
    assert _export(tmp_path, BOARD, OTHER) == first
    (tmp_path / "dashboards" / "theirs.yaml").write_text("apiVersion: 1\n")

    wanted = Wanted(*datasource_of(URL), (BOARD,), alert_group())
    export(wanted, tmp_path, with_alerts=False)

    assert not (tmp_path / "dashboards/groenmeter/groenmeter-other-nl.json").exists()
    assert (tmp_path / "dashboards/groenmeter/groenmeter-first-nl.json").exists()
    assert (tmp_path / "dashboards" / "theirs.yaml").exists()
