"""What `provision` does to a Grafana: a real one, or one that plays back what a real 9.4 answered."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.errors import UserError
from services.provisioning.provision import provision
from services.provisioning.wanted import Wanted, datasource_of
from services.settings import Settings
from tests.integration.provisioning.conftest import TEAM
from tests.integration.provisioning.traffic import TOKEN, Traffic

Json = dict[str, Any]

PASSWORD = "a made-up password"
NOTHING = "nothing to change"
CANNOT_READ = "Grafana cannot read the database"  # there is none in these tests


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no database here to be read with what was changed."""
    monkeypatch.setattr("services.provisioning.provision._REMEMBERED_SECONDS", 0)


def _board(name: str, title: str) -> Json:
    source = {"type": "grafana-postgresql-datasource", "uid": "groenmeter"}
    query = {"refId": "A", "format": "table", "rawQuery": True, "rawSql": "SELECT 1", "datasource": source}
    place = {"h": 4, "w": 6, "x": 0, "y": 0}
    panel = {
        "id": 1,
        "type": "stat",
        "title": "One",
        "gridPos": place,
        "datasource": source,
        "targets": [query],
    }
    return {
        "id": None,
        "uid": f"groenmeter-{name}",
        "title": title,
        "tags": ["groenmeter", "nl"],
        "schemaVersion": 37,
        "panels": [panel],
    }


def _rule(name: str, pending: str = "1h") -> Json:
    place = {"relativeTimeRange": {"from": 600, "to": 0}, "datasourceUid": "__expr__"}
    expression = {"type": "__expr__", "uid": "__expr__"}
    math = {"refId": "A", "type": "math", "expression": "1 > 2", "datasource": expression}
    return {
        "uid": f"groenmeter-{name}",
        "title": f"Groenmeter{name.title()}",
        "condition": "A",
        "data": [{"refId": "A", "model": math, **place}],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": pending,
        "labels": {"severity": "warning"},
        "annotations": {"summary": "Made up."},
    }


FIRST, SECOND = _board("first-nl", "Eerste"), _board("second-nl", "Tweede")
RULES = (_rule("one"), _rule("two"))
ALL = [
    "created datasource Groenmeter",
    "created folder Groenmeter",
    "changed permissions of the folder Groenmeter",
    'created dashboard "Eerste" (groenmeter-first-nl)',
    'created dashboard "Tweede" (groenmeter-second-nl)',
]


def _wanted(*boards: Json, rules: tuple[Json, ...] = RULES, password: str = PASSWORD) -> Wanted:
    url = f"postgresql://reader:{password.replace(' ', '%20')}@127.0.0.1:1/groenmeter"
    return Wanted(
        *datasource_of(url), boards or (FIRST, SECOND), {"title": "groenmeter", "rules": list(rules)}
    )


def _run(grafana: Traffic, wanted: Wanted | None = None, **options: bool | None) -> list[str]:
    """What `provision` says, but for the missing database."""
    lines: list[str] = []
    settings = Settings(grafana_url=grafana.url, grafana_token=SecretStr(TOKEN))
    provision(settings, wanted or _wanted(), lines.append, **options)  # type: ignore[arg-type]
    assert not any(secret in line for line in lines for secret in (TOKEN, PASSWORD))
    return [line for line in lines if not line.startswith(CANNOT_READ)]


def _changes_nothing(grafana: Traffic, wanted: Wanted | None = None) -> bool:
    before = len(grafana.writes())
    (said,) = _run(grafana, wanted)
    return said.endswith(NOTHING) and len(grafana.writes()) == before


def test_the_second_time_there_is_nothing_to_change(grafana: Traffic) -> None:
    assert _run(grafana) == ALL
    assert _changes_nothing(grafana)
    assert grafana.writes() == [
        "POST /api/datasources",
        "POST /api/folders",
        "POST /api/folders/groenmeter/permissions",
        "POST /api/dashboards/db",
        "POST /api/dashboards/db",
    ]


def test_the_dashboards_find_the_datasource(grafana: Traffic) -> None:
    _run(grafana)

    source = grafana.by_hand("GET", "/api/datasources/uid/groenmeter")
    board = grafana.by_hand("GET", "/api/dashboards/uid/groenmeter-first-nl")

    assert source["secureJsonFields"] == {"password": True}
    assert PASSWORD not in str(source)
    assert board["meta"]["folderUid"] == "groenmeter"
    (panel,) = board["dashboard"]["panels"]
    assert panel["datasource"] == {"type": source["type"], "uid": "groenmeter"}
    assert panel["targets"][0]["datasource"] == panel["datasource"]


def test_a_dry_run_tells_and_writes_nothing(grafana: Traffic) -> None:
    lines = _run(grafana, dry_run=True, with_alerts=True)

    assert [line for line in lines if not line.startswith(" ")] == [
        *(line.replace("created", "would create").replace("changed", "would change") for line in ALL),
        'would create alert rule "GroenmeterOne" (groenmeter-one)',
        'would create alert rule "GroenmeterTwo" (groenmeter-two)',
    ]
    assert '    url: nothing -> "127.0.0.1:1"' in lines
    assert '    password: nothing -> "***"' in lines
    assert grafana.writes() == []


def test_what_was_changed_by_hand_is_shown_and_put_right(grafana: Traffic) -> None:
    _run(grafana)
    board = grafana.by_hand("GET", "/api/dashboards/uid/groenmeter-first-nl")["dashboard"]
    panel = board["panels"][0] | {"title": "Mine"}
    changed = {"dashboard": board | {"title": "Changed", "panels": [panel]}, "folderUid": "groenmeter"}
    grafana.by_hand("POST", "/api/dashboards/db", changed)
    source = grafana.by_hand("GET", "/api/datasources/uid/groenmeter")
    grafana.by_hand(
        "PUT", "/api/datasources/uid/groenmeter", source | {"url": "elsewhere:5432", "isDefault": True}
    )
    grafana.by_hand("PUT", "/api/folders/groenmeter", {"title": "Other", "overwrite": True})
    items = [{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 2}]
    grafana.by_hand("POST", "/api/folders/groenmeter/permissions", {"items": items})

    assert _run(grafana, dry_run=True) == [
        "would change datasource Groenmeter",
        '    url: "elsewhere:5432" -> "127.0.0.1:1"',
        "would change folder Groenmeter",
        '    title: "Other" -> "Groenmeter"',
        "would change permissions of the folder Groenmeter",
        "    permission.Editor: 2 -> 1",
        'would change dashboard "Eerste" (groenmeter-first-nl)',
        '    title: "Changed" -> "Eerste"',
        '    panels[0].title: "Mine" -> "One"',
    ]
    assert _run(grafana) == [
        "changed datasource Groenmeter",
        "changed folder Groenmeter",
        "changed permissions of the folder Groenmeter",
        'changed dashboard "Eerste" (groenmeter-first-nl)',
    ]
    assert _changes_nothing(grafana)
    assert grafana.by_hand("GET", "/api/datasources/uid/groenmeter")["isDefault"] is True  # theirs to choose


def test_a_dashboard_that_was_moved_comes_back(grafana: Traffic) -> None:
    _run(grafana)
    grafana.by_hand("POST", "/api/folders", {"uid": "somebody-else", "title": "Somebody else"})
    board = grafana.by_hand("GET", "/api/dashboards/uid/groenmeter-first-nl")["dashboard"]
    grafana.by_hand("POST", "/api/dashboards/db", {"dashboard": board, "folderUid": "somebody-else"})

    assert _run(grafana, dry_run=True) == [
        'would change dashboard "Eerste" (groenmeter-first-nl)',
        '    folder: "somebody-else" -> "groenmeter"',
    ]
    assert _run(grafana) == ['changed dashboard "Eerste" (groenmeter-first-nl)']
    assert _changes_nothing(grafana)


def test_what_was_removed_by_hand_is_made_again(grafana: Traffic) -> None:
    _run(grafana)
    grafana.by_hand("DELETE", "/api/dashboards/uid/groenmeter-second-nl")
    assert _run(grafana) == ALL[4:]

    grafana.by_hand("DELETE", "/api/folders/groenmeter")
    assert _run(grafana) == ALL[1:]

    grafana.by_hand("DELETE", "/api/datasources/uid/groenmeter")
    assert _run(grafana) == ALL[:1]
    assert _changes_nothing(grafana)


def test_only_what_is_ours_is_pruned(grafana: Traffic) -> None:
    _run(grafana)
    copy = SECOND | {"uid": "a-copy", "title": "Our own copy"}
    grafana.by_hand("POST", "/api/dashboards/db", {"dashboard": copy, "folderUid": "groenmeter"})
    untagged = SECOND | {"uid": "groenmeter-look-alike", "title": "Not tagged", "tags": []}
    grafana.by_hand("POST", "/api/dashboards/db", {"dashboard": untagged, "folderUid": "groenmeter"})
    grafana.by_hand("POST", "/api/folders", {"uid": "somebody-else", "title": "Somebody else"})
    elsewhere = SECOND | {"uid": "groenmeter-elsewhere"}
    grafana.by_hand("POST", "/api/dashboards/db", {"dashboard": elsewhere, "folderUid": "somebody-else"})

    less = _wanted(FIRST)
    assert _run(grafana, less) == ['removed dashboard "Tweede" (groenmeter-second-nl)']
    assert _changes_nothing(grafana, less)
    for uid in ("a-copy", "groenmeter-look-alike", "groenmeter-elsewhere"):
        assert grafana.by_hand("GET", f"/api/dashboards/uid/{uid}")["meta"]["version"] == 1


def test_a_dashboard_may_take_the_title_of_one_that_goes(grafana: Traffic) -> None:
    _run(grafana)

    renamed = _wanted(FIRST, SECOND | {"uid": "groenmeter-new-nl"})

    assert _run(grafana, renamed) == [
        'removed dashboard "Tweede" (groenmeter-second-nl)',
        'created dashboard "Tweede" (groenmeter-new-nl)',
    ]
    assert _changes_nothing(grafana, renamed)


def test_people_and_teams_keep_what_they_were_given_in_the_folder(grafana: Traffic) -> None:
    _run(grafana)
    team = grafana.by_hand("POST", "/api/teams", {"name": TEAM})["teamId"]
    items = [{"role": "Viewer", "permission": 2}, {"teamId": team, "permission": 2}]
    grafana.by_hand("POST", "/api/folders/groenmeter/permissions", {"items": items})

    assert _run(grafana) == ["changed permissions of the folder Groenmeter"]

    answer = grafana.by_hand("GET", "/api/folders/groenmeter/permissions")
    assert sorted((item["teamId"], item.get("role", ""), item["permission"]) for item in answer) == [
        (0, "Editor", 1),
        (0, "Viewer", 1),
        (team, "", 2),
    ]
    assert _changes_nothing(grafana)


def test_another_password_is_seen_though_grafana_gives_none_back(grafana: Traffic) -> None:
    _run(grafana)
    other = _wanted(password="another made-up password")

    assert _run(grafana, other, dry_run=True) == [
        "would change datasource Groenmeter",
        '    password: "***" -> "*** (another one)"',
    ]
    assert _run(grafana, other) == ["changed datasource Groenmeter"]
    assert _changes_nothing(grafana, other)


def test_alert_rules_come_and_go_on_demand(grafana: Traffic) -> None:
    _run(grafana)
    mine = _rule("mine") | {"uid": "mine", "title": "Mine", "folderUID": "groenmeter", "ruleGroup": "mine"}
    grafana.by_hand("POST", "/api/v1/provisioning/alert-rules", mine)
    assert _run(grafana, with_alerts=True) == [
        'created alert rule "GroenmeterOne" (groenmeter-one)',
        'created alert rule "GroenmeterTwo" (groenmeter-two)',
    ]
    assert _changes_nothing(grafana)

    rule = grafana.by_hand("GET", "/api/v1/provisioning/alert-rules/groenmeter-one")
    assert rule["provenance"] == "api"
    grafana.by_hand("PUT", "/api/v1/provisioning/alert-rules/groenmeter-one", rule | {"for": "5m"})
    grafana.by_hand("DELETE", "/api/v1/provisioning/alert-rules/groenmeter-two")
    kept = _wanted(rules=(*RULES[:1], _rule("three")))
    assert _run(grafana, kept, dry_run=True)[:2] == [
        'would change alert rule "GroenmeterOne" (groenmeter-one)',
        '    for: "5m" -> "1h"',
    ]
    assert _run(grafana, kept) == [
        'changed alert rule "GroenmeterOne" (groenmeter-one)',
        'created alert rule "GroenmeterThree" (groenmeter-three)',
    ]
    assert _run(grafana) == [
        'removed alert rule "GroenmeterThree" (groenmeter-three)',
        'created alert rule "GroenmeterTwo" (groenmeter-two)',
    ]

    assert _run(grafana, with_alerts=False) == [
        'removed alert rule "GroenmeterOne" (groenmeter-one)',
        'removed alert rule "GroenmeterTwo" (groenmeter-two)',
    ]
    assert _changes_nothing(grafana)
    (left,) = grafana.by_hand("GET", "/api/v1/provisioning/alert-rules")
    assert left["uid"] == "mine"


class Interrupted(BaseException):
    """As Ctrl-C would."""


def test_after_an_interruption_the_next_run_does_the_rest(grafana: Traffic) -> None:
    done: list[str] = []

    def interrupt(line: str) -> None:
        done.append(line)
        raise Interrupted

    settings = Settings(grafana_url=grafana.url, grafana_token=SecretStr(TOKEN))
    for _ in range(len(ALL) + len(RULES)):
        with pytest.raises(Interrupted):
            provision(settings, _wanted(), interrupt, with_alerts=True)

    assert done == [
        *ALL,
        'created alert rule "GroenmeterOne" (groenmeter-one)',
        'created alert rule "GroenmeterTwo" (groenmeter-two)',
    ]
    assert len(grafana.writes()) == len(done)
    assert _changes_nothing(grafana)


def _refused(grafana: Traffic, expected: str) -> None:
    before = len(grafana.writes())
    with pytest.raises(UserError, match=r"not put there by this command.*Nothing was changed") as error:
        _run(grafana, with_alerts=True)
    assert expected in str(error.value)
    assert len(grafana.writes()) == before


def test_what_is_somebody_elses_stops_us_before_anything_is_written(grafana: Traffic) -> None:
    source = {"uid": "somebody-else", "name": "groenmeter", "type": "testdata", "access": "proxy"}
    grafana.by_hand("POST", "/api/datasources", source)
    _refused(grafana, 'datasource "groenmeter"')
    grafana.by_hand("DELETE", "/api/datasources/uid/somebody-else")

    grafana.by_hand("POST", "/api/datasources", source | {"uid": "groenmeter", "name": "Theirs"})
    _refused(grafana, 'datasource "Theirs"')
    grafana.by_hand("DELETE", "/api/datasources/uid/groenmeter")

    grafana.by_hand("POST", "/api/folders", {"uid": "somebody-else", "title": "groenmeter"})
    _refused(grafana, 'folder "groenmeter"')
    grafana.by_hand("DELETE", "/api/folders/somebody-else")

    grafana.by_hand("POST", "/api/folders", {"uid": "groenmeter", "title": "Theirs"})
    _refused(grafana, 'folder "Theirs"')
    grafana.by_hand("DELETE", "/api/folders/groenmeter")

    grafana.by_hand("POST", "/api/folders", {"uid": "somebody-else", "title": "Theirs"})
    board = FIRST | {"title": "Not ours", "tags": []}
    grafana.by_hand("POST", "/api/dashboards/db", {"dashboard": board, "folderUid": "somebody-else"})
    _refused(grafana, 'dashboard "Not ours" (groenmeter-first-nl)')
    grafana.by_hand("DELETE", "/api/dashboards/uid/groenmeter-first-nl")

    rule = _rule("one") | {"folderUID": "somebody-else", "ruleGroup": "theirs"}
    grafana.by_hand("POST", "/api/v1/provisioning/alert-rules", rule)
    _refused(grafana, 'alert rule "GroenmeterOne" (groenmeter-one)')


def test_a_title_in_our_folder_that_somebody_took_stops_us(grafana: Traffic) -> None:
    _run(grafana, _wanted(FIRST))
    board = SECOND | {"uid": "theirs", "tags": []}
    grafana.by_hand("POST", "/api/dashboards/db", {"dashboard": board, "folderUid": "groenmeter"})
    _refused(grafana, 'dashboard "Tweede" (theirs)')
    grafana.by_hand("DELETE", "/api/dashboards/uid/theirs")

    rule = _rule("one") | {"uid": "theirs", "folderUID": "groenmeter", "ruleGroup": "theirs"}
    grafana.by_hand("POST", "/api/v1/provisioning/alert-rules", rule)
    _refused(grafana, 'alert rule "GroenmeterOne" (theirs)')
